"""Forecasts of coqui-tts get better as its voices are heard."""

from __future__ import annotations

import pytest

from services.tts.engines.coqui_forecast import Forecast, typical_ms


def test_what_was_predicted_holds_until_a_voice_was_heard() -> None:
    assert Forecast().corrected("ana", 1000) == 1000


def test_what_a_voice_took_before_is_what_it_is_expected_to_take() -> None:
    forecast = Forecast()
    forecast.learn("ana", 1000, 800)
    assert forecast.corrected("ana", 2000) == pytest.approx(1600)


def test_a_voice_that_was_not_heard_is_taken_for_the_mean_of_the_others() -> None:
    forecast = Forecast()
    forecast.learn("ana", 1000, 800)
    forecast.learn("ben", 1000, 1000)
    assert forecast.corrected("eva", 1000) == pytest.approx(900)


def test_one_odd_text_does_not_spoil_what_is_known() -> None:
    forecast = Forecast()
    forecast.learn("ana", 1000, 1000)
    forecast.learn("ana", 100, 10_000)
    assert forecast.corrected("ana", 1000) <= 1300


def test_nothing_is_learnt_from_nothing() -> None:
    forecast = Forecast()
    forecast.learn("ana", 0, 500)
    forecast.learn("ana", 500, 0)
    assert forecast.corrected("ana", 1000) == 1000


def test_a_character_of_chinese_takes_longer_than_a_letter() -> None:
    assert typical_ms("你好你好", "zh-cn") > 2 * typical_ms("oooo", "pt")
    assert typical_ms("?!", "en") == 0
