"""What espeak is given so that it stresses numbers as people do."""

from __future__ import annotations

import pytest

from services.tts.engines.phonemes import phonemes


@pytest.mark.parametrize(
    ("language", "words", "figures"),
    [("es", "treinta y cuatro", "34"), ("es", "noventa y nueve", "99"), ("pt-br", "trinta e quatro", "34")],
)
def test_espeak_says_tens_and_ones_in_one_go(language: str, words: str, figures: str) -> None:
    def stresses(text: str) -> str:
        return phonemes(text, language).strip()

    assert " " not in stresses(words)
    assert " " not in stresses(figures)
    assert " " in stresses(words.replace(" ", ", "))


@pytest.mark.parametrize("digits", ["zero um sete", "um dois", "um, um", "dois, um, três", "Um dois três"])
def test_a_portuguese_one_among_digits_is_stressed_as_they_are(digits: str) -> None:
    assert all("\u02c8" in each for each in phonemes(digits, "pt-br").split())


def test_a_portuguese_article_and_an_english_filler_stay_what_they_are() -> None:
    assert (
        phonemes("um momento", "pt-br").split()[0]
        == phonemes("um dia", "pt-br").split()[0]
        == "u\u0303\u014b"
    )
    assert phonemes("um, one", "en-us").startswith("\u02c8\u028cm")


@pytest.mark.parametrize("after", [", dois", " dois três"])
def test_a_portuguese_one_after_tens_stays_a_part_of_their_number(after: str) -> None:
    assert phonemes(f"vinte e um{after}", "pt-br").startswith(phonemes("vinte e um", "pt-br").strip())
