"""Several engines: pivots, fall-backs that are told, and terms through both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from services.shared.engines import Reference
from services.shared.errors import (
    Cancelled,
    DragomanError,
    InternalError,
    InvalidRequest,
    Misconfigured,
    Overloaded,
    Timeout,
    Unavailable,
    Unsupported,
)
from services.shared.glossary import Term
from services.shared.residents import Residents
from services.translation.core import FELL_BACK, PIVOTED, Task, Translation, TranslationCore
from services.translation.engines.base import Turn
from services.translation.engines.batches import Batched
from services.translation.engines.trade import TranslationTrade
from services.translation.languages import Pair
from services.translation.routes import Offer
from tests.unit.translation.marking import Informed, Marking, core_of

SINISTRO = Term("siniestro", "sinistro")


def asked(text: str, *terms: Term, model: str = "") -> Task:
    return Task([text], "es", "pt", terms, model=model)


def only(done: tuple[Translation, ...]) -> Translation:
    (one,) = done
    return one


def by(translation: Translation) -> list[str]:
    return [model.name for model in translation.models]


def test_two_steps_are_two_models_and_a_warning() -> None:
    core = core_of(Marking("a", "es-en"), Marking("b", "en-pt"))
    translations = core.translate(asked("Hola."))
    done = only(translations.texts)
    assert (done.text, by(done), done.warnings) == ("Hola_en_pt.", ["a", "b"], (PIVOTED,))
    assert translations.model.name == "b"


def test_a_direct_way_is_one_model_and_no_warning() -> None:
    done = only(core_of(Marking("a", "es-en en-pt"), Marking("b", "es-pt")).translate(asked("Hola.")).texts)
    assert (done.text, by(done), done.warnings) == ("Hola_pt.", ["b"], ())


def test_what_has_nothing_to_translate_has_no_model_and_no_warning() -> None:
    core = core_of(Marking("a", "es-en en-pt"))
    done = core.translate(Task(["12", "Hola"], "es", "pt")).texts
    assert [(each.text, by(each), each.warnings) for each in done] == [
        ("12", [], ()),
        ("Hola_en_pt", ["a", "a"], (PIVOTED,)),
    ]


def test_a_term_survives_both_steps() -> None:
    first, second = Marking("a", "es-en"), Marking("b", "en-pt")
    done = only(core_of(first, second).translate(asked("Mi siniestro 12, por favor.", SINISTRO)).texts)
    assert [use.hit for use in done.terms] == [True]
    assert done.text == "Mi_en_pt sinistro 12, por_en_pt favor_en_pt."
    # Between the two there stood a mark that the first one could not change.
    assert [text for text, _ in second.asked if "sinistro" in text] == ["Mi_en sinistro 12, por_en favor_en."]


def test_a_word_of_the_third_language_that_looks_like_a_target_is_no_term() -> None:
    # Spanish "red" becomes English "no" here, and "no" is what the term demands for another word.
    class Renaming(Marking):
        def translate(self, texts: Sequence[str], pair: Pair) -> list[str]:
            return [text.replace("red", "no") for text in super().translate(texts, pair)]

    core = core_of(Renaming("a", "es-en"), Marking("b", "en-pt"))
    done = only(core.translate(asked("red en", Term("en", "no"))).texts)
    assert done.text == "no_en_pt no"
    assert [use.hit for use in done.terms] == [True]


def test_a_term_that_a_step_loses_is_told_and_the_rest_is_translated() -> None:
    class Deaf(Marking):
        def translate(self, texts: Sequence[str], pair: Pair) -> list[str]:
            return ["algo" for _ in super().translate(texts, pair)]

    for engines in ((Deaf("a", "es-en"), Marking("b", "en-pt")), (Marking("a", "es-en"), Deaf("b", "en-pt"))):
        done = only(core_of(*engines).translate(asked("El siniestro.", SINISTRO)).texts)
        assert done.text in {"algo", "algo_pt"}
        assert [use.hit for use in done.terms] == [False]


def test_a_step_that_says_a_term_twice_does_not_count() -> None:
    class Stuttering(Marking):
        def translate(self, texts: Sequence[str], pair: Pair) -> list[str]:
            super().translate(texts, pair)
            return [f"{text} {text}" for text in texts]

    done = only(
        core_of(Stuttering("a", "es-en"), Marking("b", "en-pt")).translate(asked("siniestro", SINISTRO)).texts
    )
    assert "sinistro" not in done.text
    assert [use.hit for use in done.terms] == [False]


def test_what_the_first_step_leaves_nothing_of_is_not_given_to_the_second() -> None:
    class Silent(Marking):
        def translate(self, texts: Sequence[str], pair: Pair) -> list[str]:
            return ["..." if self.asked else text for text in super().translate(texts, pair)]

    first, second = Silent("a", "es-en"), Marking("b", "en-pt")
    done = only(core_of(first, second).translate(asked("Hola.")).texts)
    assert (done.text, second.asked) == ("...", [])


WORDS = st.sampled_from(["siniestro", "Siniestro", "XQ1", "[1]", "Care Plus", "hola", "12", "no", "sinistro"])


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=8))
def test_terms_come_through_two_steps_in_any_company(words: list[str]) -> None:
    terms = [SINISTRO, Term("Care Plus", "Care Plus", case_sensitive=True), Term("hola", "no")]
    done = only(TWO_STEPS.translate(asked(" ".join(words), *terms)).texts)
    assert all(use.hit for use in done.terms)
    assert done.text.count("Care Plus") >= words.count("Care Plus")
    assert done.text.lower().count("sinistro") >= sum(
        word.lower() in {"siniestro", "sinistro"} for word in words
    )


TWO_STEPS = core_of(Marking("a", "es-en"), Marking("b", "en-pt"))


CURABLE = [
    Unavailable("away"),
    Timeout("late"),
    Overloaded("busy"),
    Misconfigured("key"),
    InternalError("nonsense", code="unusable_answer"),
]


@pytest.mark.parametrize("error", CURABLE, ids=lambda error: error.code)
def test_the_next_engine_answers_for_one_that_fails_and_the_answer_says_so(error: DragomanError) -> None:
    first, second = Marking("a", "es-pt"), Marking("b", "es-pt")
    core = core_of(first, second)
    first.error = error
    with structlog.testing.capture_logs() as logs:
        done = only(core.translate(asked("Secreto.")).texts)
    assert (done.text, by(done), done.warnings) == ("Secreto_pt.", ["b"], (FELL_BACK,))
    assert [(line["event"], line["model"]) for line in logs] == [("engine failed", "a")]
    assert "Secreto" not in repr(logs)


def test_an_engine_that_failed_is_asked_again_at_the_next_call() -> None:
    first, second = Marking("a", "es-pt"), Marking("b", "es-pt")
    core = core_of(first, second)
    first.error = Unavailable("away")
    assert by(only(core.translate(asked("Uno.")).texts)) == ["b"]
    first.error = None
    done = only(core.translate(asked("Dos.")).texts)
    assert (by(done), done.warnings) == (["a"], ())


def test_a_way_through_english_answers_for_a_direct_one() -> None:
    direct, pivot = Marking("a", "es-pt es-en en-pt"), Marking("b", "es-en en-pt")
    core = core_of(direct, pivot)
    direct.error = Timeout("late")
    done = only(core.translate(asked("Hola.")).texts)
    assert (by(done), done.warnings) == (["b", "b"], (FELL_BACK, PIVOTED))


def test_an_engine_that_failed_is_not_asked_again_in_the_same_call() -> None:
    class Counting(Marking):
        calls = 0

        def translate(self, texts: Sequence[str], pair: Pair) -> list[str]:
            self.calls += 1
            return super().translate(texts, pair)

    first, second = Counting("a", "es-pt es-en en-pt"), Marking("b", "en-pt")
    core = core_of(first, second)
    first.error, first.calls = Unavailable("away"), 0
    with pytest.raises(Unavailable):
        core.translate(asked("Hola."))
    # Once in its batch: a batch of one is not repeated.
    assert first.calls == 1


def test_when_all_fail_the_preferred_ones_error_goes_out() -> None:
    first, second = Marking("a", "es-pt"), Marking("b", "es-pt")
    core = core_of(first, second)
    first.error, second.error = Unavailable("away", code="first"), InternalError("broken", code="second")
    with pytest.raises(Unavailable) as caught:
        core.translate(asked("Hola."))
    assert caught.value.code == "first"


@pytest.mark.parametrize("error", [InvalidRequest("wrong"), Cancelled("gone")], ids=lambda error: error.code)
def test_what_no_other_engine_cures_goes_out_at_once(error: InvalidRequest | Cancelled) -> None:
    first, second = Marking("a", "es-pt"), Marking("b", "es-pt")
    core = core_of(first, second)
    first.error = error
    with pytest.raises(type(error)):
        core.translate(asked("Hola."))
    assert second.asked == []


def test_a_defect_that_nobody_foresaw_is_no_reason_to_take_another_engine() -> None:
    class Broken(Marking):
        def translate(self, texts: Sequence[str], pair: Pair) -> list[str]:
            if self.asked:
                raise ZeroDivisionError
            return super().translate(texts, pair)

    first, second = Broken("a", "es-pt"), Marking("b", "es-pt")
    core = core_of(first, second)
    first.asked.append(("", first.pairs[0]))
    with pytest.raises(ZeroDivisionError):
        core.translate(asked("Hola."))
    assert second.asked == []


def test_a_named_model_answers_or_nobody_does() -> None:
    first, second = Marking("a", "es-pt"), Marking("b", "es-pt")
    core = core_of(first, second)
    assert by(only(core.translate(asked("Hola.", model="b")).texts)) == ["b"]
    second.error = Unavailable("away")
    with pytest.raises(Unavailable):
        core.translate(asked("Hola.", model="b"))
    with pytest.raises(Unsupported) as caught:
        core.translate(Task(["x"], "pt", "es", model="a"))
    assert caught.value.code == "unsupported_language_pair"


class Exchanging(Residents[Batched, Offer]):
    """Exchanges its engine just when a call has chosen it."""

    exchanged = False

    @contextmanager
    def use(self, reference: Reference | None = None) -> Iterator[Batched]:
        if not self.exchanged:
            self.exchanged = True
            self.switch(Reference("a"), Reference("b"))
        with super().use(reference) as held:
            yield held


@pytest.mark.parametrize("pairs", ["es-pt", "es-en en-pt"])
def test_an_engine_that_is_exchanged_between_choice_and_use_costs_no_call(pairs: str) -> None:
    engines = {Reference("a"): Marking("a", "es-pt"), Reference("b"): Marking("b", pairs)}
    core = TranslationCore(Exchanging([Reference("a")], TranslationTrade(engines.__getitem__)), 10_000)
    done = only(core.translate(asked("Hola.")).texts)
    assert set(by(done)) == {"b"}
    assert FELL_BACK not in done.warnings


def test_an_engine_with_a_use_for_it_is_told_the_terms_and_the_turns() -> None:
    engine = Informed("a", "es-pt")
    turns = (Turn("agent", "Bom dia", "pt"),)
    task = Task(["Mi siniestro."], "es", "pt", [SINISTRO, Term("otro", "outro")], turns)
    done = only(core_of(engine).translate(task).texts)
    assert done.text == "Mi_pt sinistro."
    assert engine.told[-1].terms == (SINISTRO,)
    assert engine.told[-1].turns == turns
    # It did as it was told, so nothing had to be put in disguise.
    assert [text for text, _ in engine.asked] == ["Mi siniestro."]


def test_terms_that_a_told_engine_does_not_use_are_forced_all_the_same() -> None:
    engine = Informed("a", "es-pt", obedient=False)
    done = only(core_of(engine).translate(asked("Mi siniestro.", SINISTRO)).texts)
    assert (done.text, [use.hit for use in done.terms]) == ("Mi_pt sinistro.", [True])


def test_on_the_way_through_english_turns_go_along_and_terms_do_not() -> None:
    engine = Informed("a", "es-en en-pt")
    turns = (Turn("agent", "Bom dia", "pt"),)
    done = only(core_of(engine).translate(Task(["Mi siniestro."], "es", "pt", [SINISTRO], turns)).texts)
    assert "sinistro" in done.text
    assert {(each.terms, each.turns) for each in engine.told[-2:]} == {((), turns)}


def test_capabilities_name_every_pair_its_models_and_its_pivot() -> None:
    best = core_of(Marking("a", "es-en en-es"), Marking("b", "en-pt")).best
    told = {str(pair): ([model.name for model in way.models], way.pivot) for pair, way in best.items()}
    assert told == {
        "en-es": (["a"], ""),
        "en-pt": (["b"], ""),
        "es-en": (["a"], ""),
        "es-pt": (["a", "b"], "en"),
    }
