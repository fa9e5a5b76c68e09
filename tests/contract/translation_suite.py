"""What every translation engine promises, as checks that any test can run on any engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from services.shared.glossary import Term
from services.translation.core import MISMATCH, Task, TranslationCore, Translations
from services.translation.engines.base import Context, Contextual, TranslationEngine, Turn, Versatile
from services.translation.engines.trade import TranslationTrade, alone
from services.translation.languages import primary

Check = Callable[[TranslationEngine], None]

# Nothing here is easy to translate, and nothing of it may break an engine.
_STRANGE: Final = (
    "", "?!", "😀👍", "\x00", "你好", "WHAT A DAY", "a" * 450, "Ω" * 30, "\u202eabc\ufeff", "<s> </s>", "▁",
    "one\ttwo", "e\u0301", "{}", '"quoted"', "1.250,75 reais",
)  # fmt: skip


def translated(engine: TranslationEngine, texts: Sequence[str], terms: Sequence[Term] = ()) -> Translations:
    """Translate texts through the core, in the engine's first direction."""
    pair = engine.pairs[0]
    core = TranslationCore(alone(engine), 100_000)
    return core.translate(Task(texts, pair.source, pair.target, terms))


def it_has_directions_between_languages(engine: TranslationEngine) -> None:
    """Each direction stands there once, in primary subtags."""
    pairs = engine.pairs
    assert pairs
    assert len(set(pairs)) == len(pairs)
    assert all(primary(each) == each for pair in pairs for each in (pair.source, pair.target))
    assert all(pair.source != pair.target for pair in pairs)


def each_direction_has_a_model_with_a_revision(engine: TranslationEngine) -> None:
    """So has the engine as a whole; hashes are of all weights or of none."""
    models = [engine.model, *map(engine.model_of, engine.pairs)]
    assert all(model.name and model.revision for model in models)
    assert all(len(model.sha256) in (0, 64) for model in models)
    assert len({bool(model.sha256) for model in models}) == 1


def it_passes_its_own_test(engine: TranslationEngine) -> None:
    """As when a server starts."""
    with alone(engine).use() as held:
        TranslationTrade(lambda _: engine).prove(held)


def there_are_as_many_translations_as_texts(engine: TranslationEngine) -> None:
    """Also over the size of a batch; none for none."""
    pair = engine.pairs[0]
    for count in (0, 1, min(engine.batch, 16) + 1):
        done = engine.translate([f"Order {number}." for number in range(count)], pair)
        assert len(done) == count
        assert all(isinstance(each, str) for each in done)


def company_changes_nothing(engine: TranslationEngine) -> None:
    """A sentence is translated the same by itself, twice in a batch, and among longer and shorter ones."""
    pair = engine.pairs[0]
    sentence = "Thank you for calling."
    among = ["Yes.", sentence, "I want to talk to somebody about the order of last week.", sentence]
    assert engine.translate(among, pair)[1::2] == engine.translate([sentence], pair) * 2


def threads_do_not_disturb_one_another(engine: TranslationEngine) -> None:
    """Calls from eight threads give what each gives by itself, in every direction."""
    work = [([f"I want to cancel order {number}."], pair) for number in (1, 2) for pair in engine.pairs[:4]]
    expected = [engine.translate(*each) for each in work]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda each: engine.translate(*each), work)) == expected


def no_text_breaks_it(engine: TranslationEngine) -> None:
    """Whatever stands in a text, as many come back; what has nothing to translate is as it was."""
    done = translated(engine, _STRANGE).texts
    assert len(done) == len(_STRANGE)
    assert all(
        after.text == before for before, after in zip(_STRANGE, done, strict=True) if not before.strip()
    )


def no_term_breaks_it(engine: TranslationEngine) -> None:
    """Terms that no text holds change nothing; one that a text holds is told of, hit or not."""
    sentence = "I want to cancel my order."
    plain = translated(engine, [sentence])
    assert translated(engine, [sentence], [Term(f"word {number}", "x") for number in range(100)]) == plain
    (done,) = translated(engine, [sentence], [Term("order", "XYZ 1")]).texts
    assert [use.term.source for use in done.terms] == ["order"]
    assert all(use.hit == ("XYZ 1" in done.text) for use in done.terms)


def context_is_taken(engine: TranslationEngine) -> None:
    """Where the engine has a use for it, nothing changes in how many texts come back."""
    if isinstance(engine, Contextual):
        context = Context((Term("order", "XYZ"),), (Turn("agent", "Which one?", "en"),))
        assert len(engine.translate_in(["My order.", "This one."], engine.pairs[0], context)) == 2


def numbers_come_through_or_are_warned_of(engine: TranslationEngine) -> None:
    """Whatever its first direction is, so in digits only."""
    texts = [
        "My number is 3413515158.", "Call 341-351-5158 or 0042 now.", "It is 98765.", "Room 12, floor 3.",
        "Cards 4111111111111111 and 5500005555555559.",
    ]  # fmt: skip
    held = ["3413515158", "34135151580042", "98765", "123", "41111111111111115500005555555559"]
    for done, digits in zip(translated(engine, texts).texts, held, strict=True):
        assert "".join(filter(str.isdecimal, done.text)) == digits or MISMATCH in done.warnings


def it_knows_other_translations_for_every_text_or_for_none(engine: TranslationEngine) -> None:
    """Where it says that it knows any; never fewer lists than texts, nor anything but text in them."""
    if isinstance(engine, Versatile):
        texts = ["My order.", "I want to talk to somebody about the order of last week."]
        for limits in ([0, 0], [4, 20]):
            done = engine.others(texts, engine.pairs[0], Context(), limits)
            assert len(done) == len(texts)
            assert all(isinstance(each, str) for others in done for each in others)


CHECKS: Final[tuple[Check, ...]] = (
    it_has_directions_between_languages,
    each_direction_has_a_model_with_a_revision,
    it_passes_its_own_test,
    there_are_as_many_translations_as_texts,
    company_changes_nothing,
    threads_do_not_disturb_one_another,
    no_text_breaks_it,
    no_term_breaks_it,
    context_is_taken,
    numbers_come_through_or_are_warned_of,
    it_knows_other_translations_for_every_text_or_for_none,
)


def named(check: Check) -> str:
    """Return a check's name, for pytest."""
    return check.__name__
