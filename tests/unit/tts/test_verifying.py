"""With `quality: verify` speech is heard again, and spoken once more where it was not understood."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from services.shared.artifacts.local import LocalArtifacts
from tests.support.verifying import Speaker, hearing_it, speak

__all__ = ["speak"]


async def test_speech_that_is_understood_is_spoken_once(speak: Speaker) -> None:
    async with hearing_it("your code is four eight two one") as listener:
        document = await speak(listener)
    assert document["heard"] == {"word_error_rate": 0.0, "entities_match": True, "passes": 1}
    assert document["warnings"] == []
    (config,) = listener.configs
    assert (config.language_code, config.text_only, config.format.sample_rate_hertz) == ("en", True, 24_000)
    assert config.context.request_id == "unit_1"
    assert listener.heard_bytes == [document["duration_ms"] * 48]


async def test_a_number_that_is_lost_is_spoken_again_more_slowly(speak: Speaker) -> None:
    async with hearing_it("your code is 481", "your code is 4821") as listener:
        document = await speak(listener)
    assert document["heard"] == {"word_error_rate": 0.0, "entities_match": True, "passes": 2}
    assert document["warnings"] == []
    first, second = listener.heard_bytes
    assert second == pytest.approx(first / 0.85, rel=0.01)
    assert document["duration_ms"] == math.ceil(second / 48)


async def test_the_better_of_two_is_kept_and_flagged(speak: Speaker) -> None:
    async with hearing_it("your code is 482", "your load was 48") as listener:
        document = await speak(listener)
    assert document["warnings"] == ["speech_mismatch"]
    assert document["heard"]["entities_match"] is False
    assert (document["heard"]["passes"], document["duration_ms"]) == (2, listener.heard_bytes[0] / 48)


async def test_words_count_too(speak: Speaker) -> None:
    async with hearing_it("nobody got this") as listener:
        document = await speak(listener, "Thank you for calling.")
    assert document["heard"] == {"word_error_rate": 1.0, "entities_match": True, "passes": 2}
    assert document["warnings"] == ["speech_mismatch"]


@pytest.mark.parametrize(("most", "passes", "warnings"), [(0.25, 1, []), (0.2, 2, ["speech_mismatch"])])
async def test_how_many_words_may_differ_is_the_tenants_policy(
    speak: Speaker, most: float, passes: int, warnings: list[str]
) -> None:
    async with hearing_it("thank you for falling") as listener:
        document = await speak(listener, "Thank you for calling.", review={"max_word_error_rate": most})
    assert (document["heard"]["word_error_rate"], document["heard"]["passes"]) == (0.25, passes)
    assert document["warnings"] == warnings


async def test_a_name_may_be_heard_as_it_is_pronounced(speak: Speaker, tmp_path: Path) -> None:
    terms = {"terms": [{"source": "Nimbra", "spoken": {"en": "Neembra"}}]}
    LocalArtifacts(tmp_path).put("terms", json.dumps(terms).encode())
    async with hearing_it("Neembra here") as listener:
        document = await speak(listener, "Nimbra here", glossary={"key": "terms"})
    assert document["heard"]["word_error_rate"] == 0
