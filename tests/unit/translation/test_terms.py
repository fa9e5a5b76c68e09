"""Terms: found in a text, and put into its translation."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from services.shared.glossary import Lookup, Term, TermUse
from services.translation.core import Task, TranslationCore, Translations
from services.translation.engines.base import TranslationEngine
from services.translation.engines.fake import FakeEngine
from services.translation.engines.trade import alone
from services.translation.languages import Pair
from services.translation.sentences import MOST_CHARACTERS
from services.translation.terms import demands

CLAIM = Term("claim", "sinistro")
PLUS = Term("Care Plus", "Care Plus")


class Stubborn(FakeEngine):
    """An engine with one answer, that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def translate(self, texts: Sequence[str], _pair: Pair) -> list[str]:
        self.asked += texts
        return ["?"] * len(texts)


def translated(engine: TranslationEngine, text: str, *terms: Term) -> Translations:
    core = TranslationCore(alone(engine), 10_000)
    if isinstance(engine, Stubborn):
        engine.asked.clear()  # of its self-test
    return core.translate(Task([text], "en", "pt", terms))


@pytest.mark.parametrize(
    ("text", "target"), [("claim", "sinistro"), ("Claim", "Sinistro"), ("CLAIM", "Sinistro")]
)
def test_a_target_takes_the_capital_of_the_text(text: str, target: str) -> None:
    assert [demand.target for demand in demands(text, Lookup([CLAIM]))] == [target]


def test_a_name_keeps_its_own_spelling() -> None:
    assert [demand.target for demand in demands("care plus", Lookup([PLUS]))] == ["Care Plus"]


def test_of_two_terms_for_one_phrase_the_first_counts() -> None:
    assert demands("claim", Lookup([CLAIM, Term("claim", "queixa")]))[0].target == "sinistro"


def test_terms_without_words_do_nothing() -> None:
    assert demands("a b", Lookup([Term(" ", "x"), Term("a", " "), Term("", "")])) == []


def test_a_term_that_looks_like_two_sentences_is_kept() -> None:
    mail = Term("Yahoo! Mail", "Yahoo! Mail")
    done = translated(FakeEngine(), "I read Yahoo! Mail. A lot! Bye.", mail).texts[0]
    assert done.text == "I_pt read_pt Yahoo! Mail. A_pt lot_pt! Bye_pt."
    assert done.terms == (TermUse(mail, hit=True),)


def test_sentences_are_not_joined_beyond_the_longest() -> None:
    engine = Stubborn()
    translated(engine, "Yahoo! Mail " * 100, Term("Mail Yahoo", "Mail Yahoo"))
    assert max(map(len, engine.asked)) <= MOST_CHARACTERS


def test_an_engine_that_changes_every_word_still_leaves_the_terms() -> None:
    text = "My claim is with care plus. Bye!"
    done = translated(FakeEngine(), text, CLAIM, PLUS).texts[0]
    assert done.text == "My_pt sinistro is_pt with_pt Care Plus. Bye_pt!"
    assert done.terms == (TermUse(CLAIM, hit=True), TermUse(PLUS, hit=True))


def test_a_text_without_terms_is_asked_for_once_and_as_it_is() -> None:
    engine = Stubborn()
    assert translated(engine, "Hello there.", CLAIM).texts[0].terms == ()
    assert engine.asked == ["Hello there."]


def test_a_term_that_no_disguise_brings_through_is_missed_and_said_so() -> None:
    engine = Stubborn()
    done = translated(engine, "A claim.", CLAIM).texts[0]
    assert (done.text, done.terms) == ("?", (TermUse(CLAIM, hit=False),))
    assert engine.asked == ["A sinistro.", "A XQ1.", "A [1].", "A claim."]


def test_the_first_disguise_that_comes_through_ends_the_trying() -> None:
    class Copying(Stubborn):
        def translate(self, texts: Sequence[str], _pair: Pair) -> list[str]:
            self.asked += texts
            return list(texts)

    engine = Copying()
    assert translated(engine, "A claim.", CLAIM).texts[0].text == "A sinistro."
    assert engine.asked == ["A sinistro."]


def test_sentences_with_and_without_terms_stay_in_their_order() -> None:
    core = TranslationCore(alone(FakeEngine()), 10_000)
    texts = ["One. A claim! Two.", "Three.", "Claims [1]? Claim [1] claim XQ1?"]
    done = core.translate(Task(texts, "en", "pt", [CLAIM]))
    assert [each.text for each in done.texts] == [
        "One_pt. A_pt sinistro! Two_pt.",
        "Three_pt.",
        "Claims_pt [1]? Sinistro [1] sinistro XQ1?",
    ]
    assert [[use.hit for use in each.terms] for each in done.texts] == [[True], [], [True]]
