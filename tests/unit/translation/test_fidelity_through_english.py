"""Numbers on a way through a third language, by themselves and beside a glossary's terms."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from services.shared.glossary import Term
from services.translation.core import MISMATCH, PIVOTED, Task, Translation
from tests.unit.translation.marking import Careless, Marking, core_of

SINISTRO = Term("siniestro", "sinistro")
NUMBER = "3413515158"


PAIRS = {"a": "es-en", "b": "en-pt"}


def careless(name: str, bears: int) -> Careless:
    return Careless(lambda _: "7", bears, name, PAIRS[name])


def translated(text: str, *engines: Marking, terms: Sequence[Term] = ()) -> Translation:
    (done,) = core_of(*engines).translate(Task([text], "es-MX", "pt-BR", terms)).texts
    return done


@pytest.mark.parametrize("terms", [(), (SINISTRO,)])
@pytest.mark.parametrize("changing", ["a", "b"])
def test_a_long_number_survives_both_steps_though_one_changes_it(
    changing: str, terms: tuple[Term, ...]
) -> None:
    engines = [careless(name, 3 if name == changing else 99) for name in PAIRS]
    done = translated(f"Mi siniestro es {NUMBER}.", *engines, terms=terms)
    assert NUMBER in done.text
    assert done.warnings == (PIVOTED,)
    assert all(use.hit for use in done.terms)


@pytest.mark.parametrize("terms", [(), (SINISTRO,)])
def test_what_both_steps_change_is_flagged(terms: tuple[Term, ...]) -> None:
    done = translated("Mi siniestro es 12345.", *(careless(name, 0) for name in PAIRS), terms=terms)
    assert MISMATCH in done.warnings


def test_a_term_survives_where_a_number_does_not() -> None:
    done = translated("Mi siniestro 12345.", Marking("a", "es-en"), careless("b", 0), terms=[SINISTRO])
    assert MISMATCH in done.warnings or "12345" in done.text


def test_dates_are_written_as_in_the_last_language() -> None:
    done = translated("Es el 31/12/2025.", Marking("a", "es-en"), Marking("b", "en-pt"))
    assert "31/12/2025" in done.text
