"""What is put into a source in disguise comes out of its translation, or the translation is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.translation.protection import (
    DISGUISES,
    Demand,
    Disguise,
    as_code,
    as_itself,
    as_reference,
    disguised,
    met,
    revealed,
)

TEXT = "My claim is with Care Plus."
CLAIM, PLUS = Demand(3, 8, "sinistro"), Demand(17, 26, "Care Plus", name=True)
BOTH = [CLAIM, PLUS]
SOURCES = {
    as_itself: "My sinistro is with Care Plus.",
    as_code: "My XQ1 is with XQ2.",
    as_reference: "My [1] is with [2].",
}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_source_is_disguised_and_its_translation_revealed(disguise: Disguise) -> None:
    assert disguised(TEXT, BOTH, disguise) == SOURCES[disguise]
    assert revealed(SOURCES[disguise], TEXT, BOTH, disguise) == SOURCES[as_itself]


@pytest.mark.parametrize(
    ("disguise", "translated"),
    [
        (as_itself, "Minha reclamação é com Care Plus."),
        (as_itself, "Meus sinistros são com Care Plus."),
        (as_code, "Meu XQ1 é com XQ1."),
        (as_code, "Meu XQ1 é com XQ22."),
        (as_code, "Meu XQ1 é com XQ2 e XQ2."),
        (as_reference, "Meu [1] é com [3]."),
        (as_reference, ""),
    ],
)
def test_a_translation_that_lost_a_demand_or_doubled_it_is_refused(
    disguise: Disguise, translated: str
) -> None:
    assert revealed(translated, TEXT, BOTH, disguise) is None


def test_a_disguise_that_the_text_wears_already_gets_another_number() -> None:
    text = "See [1] about my claim with XQ1 and xq2."
    demand = [Demand(17, 22, "sinistro")]
    assert disguised(text, demand, as_reference) == "See [1] about my [2] with XQ1 and xq2."
    assert disguised(text, demand, as_code) == "See [1] about my XQ3 with XQ1 and xq2."
    translated = "Sobre XQ3 veja [1] com XQ1 e xq2."
    assert revealed(translated, text, demand, as_code) == "Sobre sinistro veja [1] com XQ1 e xq2."


def test_a_target_whose_case_counts_keeps_it_at_the_start() -> None:
    demand = [Demand(4, 8, "iPedido", exact=True)]
    assert revealed("iPedido chegou.", "The iBuy came.", demand, as_itself) == "iPedido chegou."


def test_tens_are_told_from_ones() -> None:
    text = " ".join(["x"] * 12)
    demands = [Demand(at * 2, at * 2 + 1, f"w{at}") for at in range(12)]
    out = disguised(text, demands, as_code)
    assert out is not None
    assert revealed(out, text, demands, as_code) == " ".join(f"w{at}" for at in range(12))


def test_a_sentence_begins_with_a_capital_if_its_source_does() -> None:
    text, demand = "Claims are slow.", [Demand(0, 6, "sinistros")]
    assert revealed("XQ1 são lentos.", text, demand, as_code) == "Sinistros são lentos."
    name = [Demand(0, 6, "iClaim", name=True)]
    assert revealed("XQ1 é lento.", text, name, as_code) == "iClaim é lento."


def test_a_name_is_spelled_as_it_was_demanded() -> None:
    assert revealed("Meu Sinistro é com CARE plus.", TEXT, BOTH, as_itself) == "Meu Sinistro é com Care Plus."


def test_a_target_is_needed_as_often_as_it_was_demanded() -> None:
    twice = [CLAIM, Demand(12, 16, "sinistro")]
    assert not met("Um sinistro.", twice)
    assert met("Um sinistro, dois Sinistro.", twice)
    assert not met("Um Sinistro.", [Demand(3, 8, "sinistro", exact=True)])


@given(
    st.lists(st.sampled_from(["one", "two", "Three", "quatro"]), min_size=1, max_size=12),
    st.data(),
    st.sampled_from([as_code, as_reference]),
)
def test_what_is_copied_word_by_word_holds_every_demand(
    words: list[str], data: st.DataObject, disguise: Disguise
) -> None:
    text = " ".join(words)
    chosen = sorted(data.draw(st.sets(st.integers(0, len(words) - 1))))
    starts = [sum(len(word) + 1 for word in words[:at]) for at in chosen]
    demands = [
        Demand(start, start + len(words[at]), "ZZ", name=True)
        for at, start in zip(chosen, starts, strict=True)
    ]
    wanted = " ".join("ZZ" if at in chosen else word for at, word in enumerate(words))
    out = disguised(text, demands, disguise)
    assert out is not None
    assert (revealed(out, text, demands, disguise) or "").lower() == wanted.lower()
