"""Language tags."""

from __future__ import annotations

import pytest

from services.gateway.jobs.languages import any_serves, canonical, same_language, serves


@pytest.mark.parametrize(
    ("written", "canonical_form"),
    [("EN", "en"), ("pt-br", "pt-BR"), ("zh-hant-tw", "zh-Hant-TW"), ("es-419", "es-419"), ("auto", "auto")],
)
def test_a_tag_has_one_spelling(written: str, canonical_form: str) -> None:
    assert canonical(written) == canonical_form
    assert canonical(canonical_form) == canonical_form


@pytest.mark.parametrize(
    ("supported", "asked", "does"),
    [
        ("pt", "pt-BR", True),
        ("pt-BR", "pt", True),
        ("en-US", "en-us", True),
        ("pt-PT", "pt-BR", False),
        ("es", "est", False),
        ("en", "de", False),
    ],
)
def test_a_broader_or_narrower_tag_does_but_another_variety_does_not(
    supported: str, asked: str, *, does: bool
) -> None:
    assert serves(supported, asked) is does
    assert any_serves(["ja", supported], asked) is does


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("pt-PT", "pt-BR", True), ("EN", "en-AU", True), ("zh-Hant-TW", "zh", True), ("es", "est", False)],
)
def test_varieties_are_of_one_language(one: str, other: str, *, same: bool) -> None:
    assert same_language(one, other) is same_language(other, one) is same
