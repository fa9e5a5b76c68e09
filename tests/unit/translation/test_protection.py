"""What is put into a source in disguise comes out of its translation, or the translation is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.translation.protection import disguised, unmet
from services.translation.standins import NONE, Demand, Disguise, as_code, as_itself, as_reference

TEXT = "My claim is with Care Plus."
CLAIM, PLUS = Demand(3, 8, "sinistro"), Demand(17, 26, "Care Plus", name=True)
BOTH = [CLAIM, PLUS]
ITSELF, CODE, REFERENCE = (Disguise(terms=each) for each in (as_itself, as_code, as_reference))
SOURCES = {
    ITSELF: "My sinistro is with Care Plus.",
    CODE: "My XQ1 is with XQ2.",
    REFERENCE: "My [1] is with [2].",
}


def revealed(translated: str, text: str, demands: list[Demand], disguise: Disguise) -> str | None:
    return disguised(text, demands, disguise).revealed(translated)


@pytest.mark.parametrize("disguise", SOURCES)
def test_a_source_is_disguised_and_its_translation_revealed(disguise: Disguise) -> None:
    assert disguised(TEXT, BOTH, disguise).text == SOURCES[disguise]
    assert revealed(SOURCES[disguise], TEXT, BOTH, disguise) == SOURCES[ITSELF]


def test_without_a_disguise_a_sentence_is_as_it_was_and_nothing_is_refused() -> None:
    assert disguised(TEXT, BOTH, NONE).text == TEXT
    assert revealed("Nada.", TEXT, BOTH, NONE) == "Nada."


@pytest.mark.parametrize(
    ("disguise", "translated"),
    [
        (ITSELF, "Minha reclamação é com Care Plus."),
        (ITSELF, "Meus sinistros são com Care Plus."),
        (CODE, "Meu XQ1 é com XQ1."),
        (CODE, "Meu XQ1 é com XQ22."),
        (CODE, "Meu XQ1 é com XQ2 e XQ2."),
        (REFERENCE, "Meu [1] é com [3]."),
        (REFERENCE, ""),
    ],
)
def test_a_translation_that_lost_a_demand_or_doubled_it_is_refused(
    disguise: Disguise, translated: str
) -> None:
    assert revealed(translated, TEXT, BOTH, disguise) is None


def test_a_disguise_that_the_text_wears_already_gets_another_number() -> None:
    text = "See [1] about my claim with XQ1 and xq2."
    demand = [Demand(17, 22, "sinistro")]
    assert disguised(text, demand, REFERENCE).text == "See [1] about my [2] with XQ1 and xq2."
    assert disguised(text, demand, CODE).text == "See [1] about my XQ3 with XQ1 and xq2."
    translated = "Sobre XQ3 veja [1] com XQ1 e xq2."
    assert revealed(translated, text, demand, CODE) == "Sobre sinistro veja [1] com XQ1 e xq2."


def test_a_target_whose_case_counts_keeps_it_at_the_start() -> None:
    demand = [Demand(4, 8, "iPedido", exact=True)]
    assert revealed("iPedido chegou.", "The iBuy came.", demand, ITSELF) == "iPedido chegou."


def test_tens_are_told_from_ones() -> None:
    text = " ".join(["x"] * 12)
    demands = [Demand(at * 2, at * 2 + 1, f"w{at}") for at in range(12)]
    out = disguised(text, demands, CODE).text
    assert revealed(out, text, demands, CODE) == " ".join(f"w{at}" for at in range(12))


def test_a_sentence_begins_with_a_capital_if_its_source_does() -> None:
    text, demand = "Claims are slow.", [Demand(0, 6, "sinistros")]
    assert revealed("XQ1 são lentos.", text, demand, CODE) == "Sinistros são lentos."
    name = [Demand(0, 6, "iClaim", name=True)]
    assert revealed("XQ1 é lento.", text, name, CODE) == "iClaim é lento."


def test_a_name_is_spelled_as_it_was_demanded() -> None:
    assert revealed("Meu Sinistro é com CARE plus.", TEXT, BOTH, ITSELF) == "Meu Sinistro é com Care Plus."


def test_a_target_is_needed_as_often_as_it_was_demanded() -> None:
    twice = [CLAIM, Demand(12, 16, "sinistro")]
    assert unmet("Um sinistro.", twice) == 1
    assert unmet("Um sinistro, dois Sinistro.", twice) == 0
    assert unmet("Um Sinistro.", [Demand(3, 8, "sinistro", exact=True)]) == 1


@given(
    st.lists(st.sampled_from(["one", "two", "Three", "quatro"]), min_size=1, max_size=12),
    st.data(),
    st.sampled_from([CODE, REFERENCE]),
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
    out = disguised(text, demands, disguise).text
    assert (revealed(out, text, demands, disguise) or "").lower() == wanted.lower()
