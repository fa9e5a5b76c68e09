"""What is done about a translation in which a number is wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence

from services.shared.errors import Unavailable
from services.translation.core import FELL_BACK, MISMATCH, Task
from services.translation.languages import Pair
from tests.unit.translation.marking import Marking, core_of
from tests.unit.translation.scripted import Knowing, Leaving, Scripted, translated


def test_another_translation_of_the_same_engine_is_taken_where_its_numbers_are_right() -> None:
    engine = Knowing("Sala 21.", "Quarto 11.", "Quarto 12.", "A sala é a 12.")
    done = translated("Room 12.", engine)
    assert (done.text, done.warnings, set(engine.limits)) == ("Quarto 12.", (), {0})


def test_the_next_engine_is_asked_for_those_sentences_only() -> None:
    wrong, right = Scripted("Sala 12."), Marking("b", "en-pt")
    done = translated("Room 12. Room 15.", wrong, right)
    assert (done.text, done.warnings) == ("Sala 12. Room_pt 15.", (FELL_BACK,))
    assert [model.name for model in done.models] == ["a", "b"]
    assert [text for text, _ in right.asked] == ["Room 15."]


def test_an_engine_that_is_no_better_changes_nothing() -> None:
    done = translated("Room 12.", Scripted("Sala 13."), Scripted("Quarto 14.", "b"))
    assert (done.text, done.warnings) == ("Sala 13.", (MISMATCH,))
    assert [model.name for model in done.models] == ["a"]


def test_an_engine_that_is_away_is_no_reason_to_fail() -> None:
    away = Marking("b", "en-pt")
    core = core_of(Scripted("Sala 13."), away)
    away.error = Unavailable("away")
    (done,) = core.translate(Task(["Room 12."], "en", "pt")).texts
    assert (done.text, done.warnings) == ("Sala 13.", (MISMATCH,))


def test_an_engine_that_fails_when_asked_for_more_costs_no_translation() -> None:
    done = translated("Room 12. Good morning.", Leaving("Sala 13."))
    assert (done.text, done.warnings) == ("Sala 13. Sala 13.", (MISMATCH,))


def test_an_engine_that_goes_away_after_its_first_answer_costs_no_translation() -> None:
    class Leaving(Marking):
        def translate(self, texts: Sequence[str], pair: Pair) -> list[str]:
            if self.asked:
                raise Unavailable("away")
            return [re.sub(r"[0-9]", "7", text) for text in super().translate(texts, pair)]

    done = translated("Room 12.", Leaving("a", "en-pt"))
    assert (done.text, done.warnings) == ("Room_pt 77.", (MISMATCH,))


def test_of_wrong_translations_the_one_with_the_fewest_mismatches_is_kept() -> None:
    engine = Knowing("Salas 11 e 22.", "Salas 11 e 15.", "Salas 12 e 22 e 33.")
    done = translated("Rooms 12 and 15.", engine)
    assert (done.text, done.warnings) == ("Salas 11 e 15.", (MISMATCH,))
