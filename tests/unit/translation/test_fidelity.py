"""Numbers, codes and names come through a translation as they are, or it is warned of."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.shared.glossary import Term
from services.translation.core import MISMATCH, Task, Translation
from services.translation.languages import Pair
from tests.unit.translation.marking import Careless, Marking, core_of

CHANGES: dict[str, Callable[[str], str]] = {
    "drops one": lambda digits: digits[1:],
    "drops all": lambda _: "",
    "doubles": lambda digits: digits + digits[-1],
    "says twice": lambda digits: f"{digits} {digits}",
    "turns round": lambda digits: digits[::-1] + "0",
    "adds one": lambda digits: str(int(digits) + 1),
    "cuts": lambda digits: f"{digits[0]}-{digits[1:]}9",
}


def translated(text: str, *engines: Marking, terms: Sequence[Term] = ()) -> Translation:
    (done,) = core_of(*engines).translate(Task([text], "en-US", "pt-BR", terms)).texts
    return done


def digits(text: str) -> str:
    return re.sub(r"\D", "", text)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize(
    "text", ["My number is 3413515158.", "Room 12 now.", "I paid $1,234.50 for it.", "Code four two seven."]
)
def test_what_an_engine_does_to_all_digits_never_goes_unflagged(
    change: Callable[[str], str], text: str
) -> None:
    assert MISMATCH in translated(text, Careless(change)).warnings


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("My number is 3413515158.", "3413515158"),
        ("I paid $1,234.50 for it.", "1.234,50"),
        ("Cards 4111111111111111, 5500005555555559.", "4111111111111111, 5500005555555559"),
        ("My code is four two seven zero.", "4270"),
        ("Write to ana.b99@mail.example.org now.", "ana.b99@mail.example.org"),
    ],
)
def test_what_an_engine_does_to_long_numbers_does_no_harm(
    change: Callable[[str], str], text: str, held: str
) -> None:
    engine = Careless(change, bears=3)
    done = translated(text, engine)
    assert held in done.text
    assert done.warnings == ()
    assert len(engine.asked) == 1


TEMPLATES = st.sampled_from(["My number is {}.", "Call {} or {} at once.", "{} is it", "Is it {}?! No, {}."])


@settings(max_examples=60, deadline=None)
@given(TEMPLATES, st.data(), st.sampled_from(sorted(CHANGES)), st.integers(0, 9))
def test_any_digits_are_held_or_flagged(template: str, data: st.DataObject, change: str, bears: int) -> None:
    numbers = st.from_regex(r"[0-9]{1,16}( [0-9]{1,4}){0,3}", fullmatch=True)
    text = template.format(*(data.draw(numbers) for _ in range(template.count("{}"))))
    done = translated(text, Careless(CHANGES[change], bears))
    assert digits(done.text) == digits(text) or MISMATCH in done.warnings


def test_a_number_that_a_translation_makes_up_is_flagged() -> None:
    class Inventive(Marking):
        def translate(self, texts: Sequence[str], pair: Pair) -> list[str]:
            return [f"{text} 4711" for text in super().translate(texts, pair)]

    assert MISMATCH in translated("Good morning.", Inventive("a", "en-pt")).warnings


def test_a_term_that_holds_a_number_is_the_glossarys_business() -> None:
    term = Term("Plan 5000 Plus", "Plano 7000 Mais")
    done = translated("I have Plan 5000 Plus and 12345 points.", Marking("a", "en-pt"), terms=[term])
    assert done.text == "I_pt have_pt Plano 7000 Mais and_pt 12345 points_pt."
    assert done.warnings == ()


def test_a_sentence_that_is_only_a_number_in_words_needs_no_engine() -> None:
    engine = Marking("a", "en-pt")
    assert (translated("Four two seven.", engine).text, engine.asked) == ("427.", [])
