"""Language codes are resolved by their language alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.errors import InvalidRequest, Unsupported
from services.translation.languages import Pair, primary, resolve

PAIRS = (Pair("en", "pt"), Pair("pt", "en"))


@pytest.mark.parametrize(
    ("code", "language"),
    [("pt", "pt"), ("pt-BR", "pt"), ("PT-br", "pt"), ("en-US", "en"), ("zh-Hant-TW", "zh"), ("fil", "fil")],
)
def test_the_region_and_the_case_do_not_matter(code: str, language: str) -> None:
    assert primary(code) == language


@pytest.mark.parametrize(
    "code", ["", "auto", "e", "english", "pt_BR", "pt-", "-BR", "pt BR", "p\u0442", "en\n"]
)
def test_what_is_no_language_code_is_refused(code: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        primary(code)
    assert caught.value.code == "invalid_language"


@pytest.mark.parametrize(("source", "target"), [("en", "pt"), ("en-GB", "pt-BR"), ("EN", "pt-PT")])
def test_a_pair_is_found_whatever_the_regions(source: str, target: str) -> None:
    assert resolve(PAIRS, source, target) == Pair("en", "pt")


@pytest.mark.parametrize(("source", "target"), [("en", "en"), ("pt-BR", "pt-PT"), ("xx", "XX")])
def test_one_language_on_both_sides_is_refused(source: str, target: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        resolve(PAIRS, source, target)
    assert caught.value.code == "same_language"


def test_an_unsupported_pair_is_answered_with_the_supported_ones() -> None:
    with pytest.raises(Unsupported, match="en-pt, pt-en") as caught:
        resolve(PAIRS, "en", "fr")
    assert caught.value.code == "unsupported_language_pair"


@given(st.text())
def test_any_text_is_a_code_or_refused(code: str) -> None:
    try:
        language = primary(code)
    except InvalidRequest:
        return
    assert code.lower().startswith(language)
    assert language.isascii()
