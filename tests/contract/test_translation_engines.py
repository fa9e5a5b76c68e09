"""What every translation engine promises; each engine runs the same checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import sacrebleu
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from services.shared.engines import EngineSpec, Reference, load_engine
from services.shared.errors import Misconfigured
from services.shared.glossary import Lookup, Term
from services.translation.core import Task, Translation, TranslationCore
from services.translation.engines.base import TranslationEngine
from services.translation.engines.fake import FakeEngine
from services.translation.engines.fxtranslate import FxTranslateEngine, Weights
from services.translation.engines.registry import ENGINES, create
from services.translation.engines.trade import alone
from services.translation.forcing import Sentence as Demanding
from services.translation.forcing import forced_through
from services.translation.languages import Pair
from services.translation.settings import TranslationSettings
from services.translation.terms import demands
from tests.contract.translation_suite import CHECKS, Check, named
from tests.support.terms import EN_PT as EN_PT_TERMS
from tests.support.terms import PT_EN as PT_EN_TERMS
from tests.support.terms import Sentence

# One line adds an engine. Those that need more than requirements/dev.txt run the checks in tests/engines.
CONFORMING = ("fake", pytest.param("fxtranslate", marks=pytest.mark.models))

EN_PT, PT_EN = Pair("en", "pt"), Pair("pt", "en")


@pytest.fixture(scope="module")
def fxtranslate() -> Iterator[FxTranslateEngine]:
    """The real models; tests that use it are marked."""
    engine = create(Reference("fxtranslate"), TranslationSettings())
    assert isinstance(engine, FxTranslateEngine)
    yield engine
    engine.close()


@pytest.fixture(scope="module", params=CONFORMING)
def engine(request: pytest.FixtureRequest) -> TranslationEngine:
    if request.param == "fxtranslate":
        real: FxTranslateEngine = request.getfixturevalue("fxtranslate")
        return real
    return create(Reference(request.param), TranslationSettings())


def translated(
    engine: TranslationEngine, text: str, pair: Pair = EN_PT, terms: Sequence[Term] = ()
) -> Translation:
    task = Task([text], pair.source, pair.target, terms)
    (done,) = TranslationCore(alone(engine), 10_000).translate(task).texts
    return done


@pytest.mark.parametrize("check", CHECKS, ids=named)
def test_an_engine_keeps_its_promises(engine: TranslationEngine, check: Check) -> None:
    check(engine)


NEW_ENGINE = """
from services.shared.engines import Model
from services.translation.forcing import forced_through
from services.translation.languages import Pair

class Upper:
    model = Model("upper", "1")
    pairs = (Pair("en", "de"),)
    batch = 4

    def model_of(self, pair):
        return self.model

    def translate(self, texts, pair):
        return [text.upper() for text in texts]

def load(settings, model=""):
    return Upper()
"""


@pytest.fixture
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TranslationEngine:
    """What it takes to add an engine: its file, and its row in the table."""
    (tmp_path / "upper_engine.py").write_text(NEW_ENGINE)
    monkeypatch.syspath_prepend(tmp_path)
    table = {**ENGINES, "upper": EngineSpec("upper", "upper_engine", (), "", "Shouts.")}
    engine: TranslationEngine = load_engine("translation", table, Reference("upper"), TranslationSettings())
    return engine


@pytest.mark.parametrize("check", CHECKS, ids=named)
def test_an_engine_is_added_by_one_file_and_one_row(newcomer: TranslationEngine, check: Check) -> None:
    check(newcomer)


def test_the_checks_find_an_engine_that_breaks_its_promises() -> None:
    class Forgetful(FakeEngine):
        def translate(self, texts: Sequence[str], pair: Pair) -> list[str]:
            return super().translate(texts[:8], pair)

    with pytest.raises(AssertionError):
        [check(Forgetful()) for check in CHECKS]


def test_english_and_portuguese_are_translated_both_ways(engine: TranslationEngine) -> None:
    assert {EN_PT, PT_EN} <= set(engine.pairs)


def test_terms_come_through_in_both_directions(engine: TranslationEngine) -> None:
    terms = [Term("claim", "sinistro"), Term("Família Total", "Família Total"), Term("agent", "atendente")]
    for pair, text in (
        (EN_PT, "I want to talk to an agent about my claim. Is Família Total included?"),
        (PT_EN, "Quero mudar para o Família Total."),
    ):
        done = translated(engine, text, pair, terms)
        assert [use.hit for use in done.terms] == [True] * len(done.terms)
        assert len(done.terms) == (3 if pair == EN_PT else 1)
        assert "Família Total" in done.text


@pytest.mark.models
@pytest.mark.parametrize(
    ("source", "target", "sentences"), [("en", "pt", EN_PT_TERMS), ("pt", "en", PT_EN_TERMS)]
)
def test_terms_of_a_call_centre_come_through_and_do_no_harm(
    fxtranslate: TranslationEngine, source: str, target: str, sentences: list[Sentence]
) -> None:
    core = TranslationCore(alone(fxtranslate), 10_000)

    def chrf(*, forced: bool) -> float:
        done = [
            core.translate(Task([each.text], source, target, each.terms if forced else ())).texts[0]
            for each in sentences
        ]
        assert all(use.hit for each in done for use in each.terms)
        return sacrebleu.corpus_chrf(
            [each.text for each in done], [[each.reference for each in sentences]]
        ).score

    assert chrf(forced=True) > chrf(forced=False) + 5


@pytest.mark.models
@pytest.mark.parametrize(
    ("first", "second", "sentences"), [(EN_PT, PT_EN, EN_PT_TERMS), (PT_EN, EN_PT, PT_EN_TERMS)]
)
def test_terms_come_through_two_real_models_one_after_the_other(
    fxtranslate: TranslationEngine, first: Pair, second: Pair, sentences: list[Sentence]
) -> None:
    # There and back, for want of a third language.
    wanted = [demands(each.text, Lookup(each.terms)) for each in sentences]
    done = forced_through(
        [
            Demanding(each.text, demanded)
            for each, demanded in zip(sentences, wanted, strict=True)
            if demanded
        ],
        lambda texts: fxtranslate.translate(texts, first),
        lambda texts: fxtranslate.translate(texts, second),
    )
    assert len(done) > 10
    assert None not in done


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=80), term=st.text(max_size=8), target=st.text(max_size=8))
@example(text="白金计划 claim", term="白金", target="Platinum")
@example(text="A\u0301 a\u0301", term="a", target="\u0301")
def test_no_term_breaks_it(engine: TranslationEngine, text: str, term: str, target: str) -> None:
    terms = [Term(term, target), Term(text[2:5], text[2:5], case_sensitive=True)]
    done = translated(engine, text, EN_PT, terms)
    assert {use.term for use in done.terms} <= set(terms)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(max_size=80), max_size=4))
def test_no_text_breaks_it(engine: TranslationEngine, texts: list[str]) -> None:
    done = TranslationCore(alone(engine), 10_000).translate(Task(texts, "en", "pt"))
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
    done = translated(fxtranslate, text).text
    assert done.count("Obrigado") == 60
    assert done.endswith("Adeus!")


def test_files_that_are_no_model_are_refused_where_the_engine_is_made(tmp_path: Path) -> None:
    for name in ("model.bin", "vocab.spm", "lex.bin"):
        (tmp_path / name).write_bytes(b"nonsense")
    with pytest.raises(ValueError, match=r".+"):
        FxTranslateEngine({EN_PT: Weights(FakeEngine().model, tmp_path)})


@pytest.mark.models
def test_one_direction_can_be_had_alone_and_a_folder_must_name_it(tmp_path: Path) -> None:
    engine = create(Reference("fxtranslate", "firefox-pt-en"), TranslationSettings())
    assert engine.pairs == (PT_EN,)
    (tmp_path / "model.bin").write_bytes(b"x")
    with pytest.raises(Misconfigured) as caught:
        create(Reference("fxtranslate", str(tmp_path)), TranslationSettings())
    assert caught.value.code == "unknown_direction"
