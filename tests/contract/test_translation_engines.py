"""What every translation engine promises; each implementation runs the same suite."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sacrebleu
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from services.shared.glossary import Term
from services.translation.core import TranslationCore
from services.translation.engines.base import TranslationEngine
from services.translation.engines.fake import FakeEngine
from services.translation.engines.fxtranslate import FxTranslateEngine, Weights
from services.translation.engines.fxtranslate import load as load_fxtranslate
from services.translation.languages import Pair
from services.translation.settings import TranslationSettings
from tests.support.terms import EN_PT as EN_PT_TERMS
from tests.support.terms import PT_EN as PT_EN_TERMS
from tests.support.terms import Sentence

EN_PT, PT_EN = Pair("en", "pt"), Pair("pt", "en")


@pytest.fixture(scope="module")
def fxtranslate() -> Iterator[FxTranslateEngine]:
    """The real models; tests that use it are marked."""
    engine = load_fxtranslate(TranslationSettings())
    yield engine
    engine.close()


@pytest.fixture(scope="module", params=["fake", pytest.param("fxtranslate", marks=pytest.mark.models)])
def engine(request: pytest.FixtureRequest) -> TranslationEngine:
    if request.param == "fake":
        return FakeEngine()
    loaded: FxTranslateEngine = request.getfixturevalue("fxtranslate")
    return loaded


def test_english_and_portuguese_are_translated_both_ways(engine: TranslationEngine) -> None:
    assert {EN_PT, PT_EN} <= set(engine.pairs)


def test_every_pair_has_a_model_with_a_revision(engine: TranslationEngine) -> None:
    models = [engine.model, *map(engine.model_of, engine.pairs)]
    assert all(model.name and model.revision for model in models)


def test_there_are_as_many_translations_as_texts_in_their_order(engine: TranslationEngine) -> None:
    texts = ["Order 1.", "Order 2.", "Order 3."]
    done = engine.translate(texts, EN_PT)
    assert [text for text in done if "1" in text] == done[:1]
    assert [text for text in done if "3" in text] == done[2:]
    assert len(done) == 3


def test_no_texts_are_no_translations(engine: TranslationEngine) -> None:
    assert engine.translate([], EN_PT) == []


def test_the_same_text_is_translated_the_same(engine: TranslationEngine) -> None:
    first, second = engine.translate(["Thank you for calling.", "Thank you for calling."], EN_PT)
    assert first == second


def test_threads_do_not_disturb_one_another(engine: TranslationEngine) -> None:
    work = [(["I want to cancel my order."], EN_PT), (["Quero cancelar o pedido."], PT_EN)] * 4
    alone = [engine.translate(*each) for each in work]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda each: engine.translate(*each), work))
    assert together == alone


def test_terms_come_through_in_both_directions(engine: TranslationEngine) -> None:
    core = TranslationCore(engine, 10_000)
    terms = [Term("claim", "sinistro"), Term("Família Total", "Família Total"), Term("agent", "atendente")]
    for source, target, text in (
        ("en", "pt", "I want to talk to an agent about my claim. Is Família Total included?"),
        ("pt", "en", "Quero mudar para o Família Total."),
    ):
        (done,) = core.translate([text], source, target, lambda: False, terms).texts
        assert [use.hit for use in done.terms] == [True] * len(done.terms)
        assert len(done.terms) == (3 if source == "en" else 1)
        assert "Família Total" in done.text


@pytest.mark.models
@pytest.mark.parametrize(
    ("source", "target", "sentences"), [("en", "pt", EN_PT_TERMS), ("pt", "en", PT_EN_TERMS)]
)
def test_terms_of_a_call_centre_come_through_and_do_no_harm(
    fxtranslate: TranslationEngine, source: str, target: str, sentences: list[Sentence]
) -> None:
    core = TranslationCore(fxtranslate, 10_000)

    def chrf(*, forced: bool) -> float:
        done = [
            core.translate([each.text], source, target, lambda: False, each.terms if forced else ()).texts[0]
            for each in sentences
        ]
        assert all(use.hit for each in done for use in each.terms)
        return sacrebleu.corpus_chrf(
            [each.text for each in done], [[each.reference for each in sentences]]
        ).score

    assert chrf(forced=True) > chrf(forced=False) + 5


def test_terms_that_no_text_holds_change_nothing(engine: TranslationEngine) -> None:
    core, texts = TranslationCore(engine, 10_000), ["I want to cancel my order.", "Thank you."]
    terms = [Term(f"word {number}", "x") for number in range(1_000)]
    plain = core.translate(texts, "en", "pt", lambda: False)
    assert core.translate(texts, "en", "pt", lambda: False, terms) == plain


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=80), term=st.text(max_size=8), target=st.text(max_size=8))
@example(text="白金计划 claim", term="白金", target="Platinum")
@example(text="A\u0301 a\u0301", term="a", target="\u0301")
def test_no_term_breaks_it(engine: TranslationEngine, text: str, term: str, target: str) -> None:
    terms = [Term(term, target), Term(text[2:5], text[2:5], case_sensitive=True)]
    (done,) = TranslationCore(engine, 10_000).translate([text], "en", "pt", lambda: False, terms).texts
    assert {use.term for use in done.terms} <= set(terms)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(max_size=80), max_size=4))
@example(texts=["", "?!", "😀👍", "\x00", "你好", "WHAT A DAY", "a" * 450, "Ω" * 30, "\u202eabc\ufeff"])
def test_no_text_breaks_it(engine: TranslationEngine, texts: list[str]) -> None:
    done = TranslationCore(engine, 10_000).translate(texts, "en", "pt", lambda: False)
    assert len(done.texts) == len(texts)
    assert all(each.text == text for each, text in zip(done.texts, texts, strict=True) if not text.strip())


@pytest.mark.models
@pytest.mark.parametrize(
    ("pair", "text", "words"),
    [
        (EN_PT, "I want to cancel my order.", {"cancelar", "pedido"}),
        (EN_PT, "I WANT TO CANCEL MY ORDER.", {"CANCELAR", "PEDIDO"}),
        (EN_PT, "Dr. Silva is my doctor.", {"Silva", "médico"}),
        (PT_EN, "Qual é o número do seu telefone?", {"phone", "number"}),
        (PT_EN, "QUERO CANCELAR MEU PEDIDO", {"CANCEL", "ORDER"}),
    ],
)
def test_the_real_models_translate(
    fxtranslate: FxTranslateEngine, pair: Pair, text: str, words: set[str]
) -> None:
    (done,) = fxtranslate.translate([text], pair)
    assert {word for word in words if word in done} == words


@pytest.mark.models
def test_a_long_text_is_translated_to_its_end(fxtranslate: FxTranslateEngine) -> None:
    text = "Thank you for calling. " * 60 + "Goodbye!"
    done = TranslationCore(fxtranslate, 10_000).translate([text], "en", "pt", lambda: False).texts[0].text
    assert done.count("Obrigado") == 60
    assert done.endswith("Adeus!")


def test_files_that_are_no_model_are_refused_where_the_engine_is_made(tmp_path: Path) -> None:
    for name in ("model.bin", "vocab.spm", "lex.bin"):
        (tmp_path / name).write_bytes(b"nonsense")
    with pytest.raises(ValueError, match=r".+"):
        FxTranslateEngine({EN_PT: Weights(FakeEngine().model, tmp_path)})
