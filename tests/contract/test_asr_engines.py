"""What every recognition engine promises; each implementation runs the same suite."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from services.asr.core import AUTO, AsrCore, Samples
from services.asr.engines import registry
from services.asr.engines.base import SAMPLE_RATE_HZ, UNGUIDED, AsrEngine, Audio, Guidance, Hypothesis, Task
from services.asr.engines.trade import alone
from services.asr.settings import AsrSettings
from services.shared import telemetry
from services.shared.engines import Reference, load_engine
from services.shared.errors import Cancelled
from tests.support import asr_newcomer
from tests.support.speech import (
    PROMPTS,
    beep,
    dial_tones,
    noise,
    plain,
    prompt,
    silence,
    telephone,
    wrong_words,
)


def floats(samples: Samples) -> Audio:
    return samples.astype(np.float32) / np.float32(32768)


def never() -> bool:
    return False


def batched() -> float:
    """Return how many batches of more than one region there have been."""
    (metric,) = telemetry.BATCH_SIZE.collect()
    counts = {
        each.labels["le"]: each.value
        for each in metric.samples
        if each.name.endswith("_bucket") and "asr" in each.labels.values()
    }
    return counts["+Inf"] - counts["1.0"]


TOLERANCE_MS = 150
FRAME_MS = 21
NAMES = {
    "I ordered the Nimbra Flex and it never arrived.": "Nimbra Flex",
    "The technician replaced the Zylokraft router yesterday.": "Zylokraft",
}
STRANGE = ("Veltrixa", "Szymańska", "Zylokraft", "Nimbra Flex", "Quovadia", "Brightline", "Corvena")

# Every engine of the room, in every way of running it that may change what is heard.
ENGINES = {
    "fake": ("fake", AsrSettings()),
    "one that was added": ("newcomer", AsrSettings()),
    "faster-whisper": ("faster-whisper", AsrSettings()),
    "faster-whisper in the whole window": ("faster-whisper", AsrSettings(asr_window="whole")),
    "faster-whisper in batches": (
        "faster-whisper",
        AsrSettings(asr_window="short", asr_batch=4, asr_batch_delay_ms=50, asr_slots=1),
    ),
}
_CORES: dict[int, AsrCore] = {}
TABLE = {**registry.ENGINES, asr_newcomer.ROW.name: asr_newcomer.ROW}
# Ways of running one model differ in how they encode, which one prompt shows as well as three.
CASES = [
    pytest.param((name, prompt), marks=pytest.mark.models if reference == "faster-whisper" else [])
    for name, (reference, _) in ENGINES.items()
    for prompt in (sorted(PROMPTS) if name in TABLE else ("en-press-9",))
]


@cache
def made(name: str) -> AsrEngine:
    """Load an engine once for all tests."""
    reference, settings = ENGINES[name]
    engine: AsrEngine = load_engine("asr", TABLE, Reference(reference), settings)
    return engine


def core_of(engine: AsrEngine) -> AsrCore:
    return _CORES.get(id(engine)) or _CORES.setdefault(id(engine), AsrCore(alone(engine)))


@pytest.fixture(scope="module")
def whisper() -> AsrEngine:
    """The real model as it runs by default; tests that use it are marked."""
    return made("faster-whisper")


@pytest.fixture(scope="module")
def whole() -> AsrEngine:
    """The real model, which encodes its whole window."""
    return made("faster-whisper in the whole window")


@pytest.fixture(scope="module", params=CASES, ids=" ".join)
def case(request: pytest.FixtureRequest) -> tuple[str, str]:
    chosen: tuple[str, str] = request.param
    return chosen


@pytest.fixture(scope="module")
def engine(case: tuple[str, str]) -> AsrEngine:
    return made(case[0])


@pytest.fixture(scope="module")
def spoken(case: tuple[str, str]) -> Audio:
    return floats(prompt(case[1]))


@pytest.fixture(scope="module")
def language(case: tuple[str, str]) -> str:
    return case[1][:2]  # a model that listens for another one tries again and again


def test_the_model_has_a_name_and_a_revision(engine: AsrEngine) -> None:
    assert engine.model.name
    assert engine.model.revision


def test_languages_are_primary_tags_each_told_once(engine: AsrEngine) -> None:
    assert {"en", "es", "pt"} <= set(engine.languages)
    assert len(set(engine.languages)) == len(engine.languages)
    assert all(tag.islower() and tag.isalpha() for tag in engine.languages)


def test_spans_of_speech_are_in_order_and_disjoint_and_inside_the_audio(
    engine: AsrEngine, spoken: Audio
) -> None:
    spans = engine.speech_spans(spoken)
    assert spans
    assert all(span.start < span.end for span in spans)
    assert all(before.end <= after.start for before, after in pairwise(spans))
    assert spans[0].start >= 0
    assert spans[-1].end <= len(spoken)


@pytest.mark.parametrize("samples", [silence(0), silence(0.001), silence(5)], ids=len)
def test_there_is_no_speech_in_silence(engine: AsrEngine, samples: Samples) -> None:
    assert engine.speech_spans(floats(samples)) == []


def test_the_probabilities_of_languages_are_a_distribution(engine: AsrEngine, spoken: Audio) -> None:
    probabilities = engine.language_probabilities(spoken)
    assert set(probabilities) <= set(engine.languages)
    assert sum(probabilities.values()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("task", list(Task))
def test_words_have_times_inside_the_region_and_make_up_the_text(
    engine: AsrEngine, spoken: Audio, language: str, task: Task
) -> None:
    heard = engine.transcribe(spoken, language, task)
    marks = [mark for word in heard.words for mark in (word.start_ms, word.end_ms)]
    assert heard.text
    assert marks == sorted(marks)
    assert marks[0] >= 0
    assert marks[-1] <= len(spoken) * 1000 / SAMPLE_RATE_HZ + 1
    assert all(0 <= word.confidence <= 1 for word in heard.words)
    assert "".join(word.text for word in heard.words) == "".join(heard.text.split())


def test_a_text_has_a_confidence_and_its_language(engine: AsrEngine, spoken: Audio, language: str) -> None:
    heard = engine.transcribe(spoken, language, Task.TRANSCRIBE)
    assert 0 < heard.confidence <= 1
    assert heard.language == language
    if engine.translates_to_english:
        assert engine.transcribe(spoken, language, Task.TRANSLATE).language == "en"


def test_the_same_audio_is_heard_the_same_however_many_ask_at_once(engine: AsrEngine, spoken: Audio) -> None:
    def heard(_: int) -> Hypothesis:
        return engine.transcribe(spoken, "en", Task.TRANSCRIBE)

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(heard, range(4)))) == 1


def test_the_language_may_be_detected_on_the_way(engine: AsrEngine, spoken: Audio) -> None:
    heard = engine.transcribe(spoken, None, Task.TRANSCRIBE)
    likeliest = max(engine.language_probabilities(spoken).items(), key=lambda vote: vote[1])
    assert heard.language == heard.spoken == likeliest[0]
    assert heard.spoken_confidence == pytest.approx(likeliest[1], abs=0.01)
    given = engine.transcribe(spoken, heard.spoken, Task.TRANSCRIBE)
    assert given.spoken_confidence == 1
    assert wrong_words(plain(given.text), heard.text) <= 2
    if engine.translates_to_english:
        english = engine.transcribe(spoken, None, Task.TRANSLATE)
        assert english.language == "en"
        assert english.spoken in engine.languages


def test_a_text_may_come_without_words(engine: AsrEngine, spoken: Audio) -> None:
    heard = engine.transcribe(spoken, None, Task.TRANSCRIBE)
    alone = engine.transcribe(spoken, None, Task.TRANSCRIBE, guidance=Guidance(text_only=True))
    assert alone.text == heard.text
    assert alone.confidence == pytest.approx(heard.confidence)


def test_the_core_leaves_words_out_when_only_the_text_is_wanted(
    engine: AsrEngine, spoken: Audio, language: str
) -> None:
    samples = (spoken * 32767).astype(np.int16)
    heard = core_of(engine).transcribe(samples, language, Task.TRANSCRIBE, never, Guidance(text_only=True))
    assert heard.text
    assert heard.words == ()


def test_what_is_likely_is_between_the_bounds(engine: AsrEngine, spoken: Audio, language: str) -> None:
    heard = engine.transcribe(spoken, language, Task.TRANSCRIBE)
    assert heard.log_probability < 0
    assert heard.confidence == pytest.approx(math.exp(heard.log_probability))
    assert 0 < heard.no_speech < 1


def test_no_guidance_changes_nothing(engine: AsrEngine, spoken: Audio, language: str) -> None:
    plain = engine.transcribe(spoken, language, Task.TRANSCRIBE)
    assert engine.transcribe(spoken, language, Task.TRANSCRIBE, guidance=UNGUIDED) == plain
    assert engine.transcribe(spoken, language, Task.TRANSCRIBE, guidance=Guidance(("",), " ")) == plain


def test_guidance_of_any_length_is_taken(engine: AsrEngine, spoken: Audio, language: str) -> None:
    hints = tuple(f"Number {number} <|endoftext|>" for number in range(1_000))
    guidance = Guidance(hints, "Olá, bom dia. " * 1_000, 0.2)
    marks = [
        mark
        for word in engine.transcribe(spoken, language, Task.TRANSCRIBE, guidance=guidance).words
        for mark in (word.start_ms, word.end_ms)
    ]
    assert marks == sorted(marks)


@pytest.fixture(scope="module")
def names() -> dict[str, Samples]:
    """Sentences with names that no model can know, as the telephone passes them."""
    return {text: telephone(text, "am_michael" if text.startswith("The") else "af_heart") for text in NAMES}


@pytest.mark.models
@pytest.mark.parametrize(("text", "name"), NAMES.items())
def test_a_hint_spells_a_name_that_is_written_wrong_without_it(
    whisper: AsrEngine, names: dict[str, Samples], text: str, name: str
) -> None:
    core = core_of(whisper)
    assert name not in core.transcribe(names[text], "en", Task.TRANSCRIBE, never).text
    guided = core.transcribe(names[text], "en", Task.TRANSCRIBE, never, Guidance(tuple(NAMES.values())))
    assert name in guided.text
    assert wrong_words(plain(text), guided.text) <= 1


@pytest.mark.models
@pytest.mark.parametrize("model", ["whisper", "whole"])
@pytest.mark.parametrize("name", sorted(PROMPTS))
def test_hints_that_nobody_says_are_not_heard(request: pytest.FixtureRequest, model: str, name: str) -> None:
    core = core_of(request.getfixturevalue(model))
    samples = np.concatenate([prompt(name), silence(1)])
    heard = core.transcribe(samples, name[:2], Task.TRANSCRIBE, never, Guidance(STRANGE))
    assert wrong_words(PROMPTS[name], heard.text) <= 2
    assert not any(word in plain(heard.text) for hint in STRANGE for word in plain(hint).split())


@pytest.mark.models
@pytest.mark.parametrize("samples", [silence(5), noise(5), beep(5), beep(5, 425, level=0.1), dial_tones(5)])
def test_hints_are_not_heard_where_nobody_speaks(whisper: AsrEngine, samples: Samples) -> None:
    assert core_of(whisper).transcribe(samples, "en", Task.TRANSCRIBE, never, Guidance(STRANGE)).text == ""


@pytest.mark.models
def test_a_language_has_its_tag_and_not_the_models_own_code_for_it(whisper: AsrEngine) -> None:
    assert "jv" in whisper.languages
    assert "jw" not in whisper.languages
    audio = floats(prompt("es-marque-1"))
    assert whisper.transcribe(audio, "jv", Task.TRANSCRIBE).language == "jv"


@pytest.mark.models
@pytest.mark.parametrize(("name", "text"), PROMPTS.items())
def test_telephone_speech_is_written_down(whisper: AsrEngine, name: str, text: str) -> None:
    heard = core_of(whisper).transcribe(prompt(name), name[:2], Task.TRANSCRIBE, never)
    assert wrong_words(text, heard.text) <= 2
    assert heard.confidence > 0.4
    assert heard.warnings == ()


@pytest.mark.models
@pytest.mark.parametrize(("name", "text"), PROMPTS.items())
def test_the_whole_window_hears_the_same(whole: AsrEngine, name: str, text: str) -> None:
    heard = whole.transcribe(floats(prompt(name)), name[:2], Task.TRANSCRIBE)
    assert wrong_words(text, heard.text) <= 2


@pytest.mark.models
@pytest.mark.parametrize("name", sorted(PROMPTS))
def test_words_are_said_at_the_same_time_whatever_is_encoded(
    whisper: AsrEngine, whole: AsrEngine, name: str
) -> None:
    short, full = (
        {
            plain(word.text): word
            for word in each.transcribe(floats(prompt(name)), name[:2], Task.TRANSCRIBE).words
        }
        for each in (whisper, whole)
    )
    assert len(short.keys() & full.keys()) >= len(full) - 2
    for text in short.keys() & full.keys():
        assert short[text].start_ms == pytest.approx(full[text].start_ms, abs=TOLERANCE_MS)
        assert short[text].end_ms == pytest.approx(full[text].end_ms, abs=TOLERANCE_MS)


@pytest.mark.models
def test_a_text_does_not_depend_on_who_else_was_in_the_batch() -> None:
    engine = made("faster-whisper in batches")
    regions = [(floats(prompt(name)), name[:2]) for name in sorted(PROMPTS)]
    # Cut at different places, so that neighbours are of different lengths.
    regions += [(audio[: len(audio) * part // 8], language) for audio, language in regions for part in (5, 7)]

    def heard(region: tuple[Audio, str]) -> Hypothesis:
        return engine.transcribe(region[0], region[1], Task.TRANSCRIBE)

    by_itself = [heard(region) for region in regions]
    before = batched()
    with ThreadPoolExecutor(len(regions)) as pool:
        together = list(pool.map(heard, regions))
    assert batched() > before, "nothing went together"
    assert [each.text for each in together] == [each.text for each in by_itself]
    for one, other in zip(by_itself, together, strict=True):
        times, others = (
            [mark for word in each.words for mark in (word.start_ms, word.end_ms)] for each in (one, other)
        )
        # Sums of another order end in another last digit, which may move a word by a frame.
        assert others == pytest.approx(times, abs=FRAME_MS)
        assert other.confidence == pytest.approx(one.confidence, abs=0.001)


@pytest.mark.models
def test_spanish_is_translated_into_english(whisper: AsrEngine) -> None:
    heard = whisper.transcribe(floats(prompt("es-marque-1")), "es", Task.TRANSLATE)
    assert "call" in plain(heard.text)
    assert "number" in plain(heard.text)


@pytest.mark.models
@pytest.mark.parametrize("name", sorted(PROMPTS))
def test_the_language_is_detected_from_a_few_seconds(whisper: AsrEngine, name: str) -> None:
    samples = np.concatenate([silence(2), prompt(name), noise(2, 0.001)])
    found = core_of(whisper).segment(samples, AUTO, never)
    assert found.language == name[:2]
    assert found.language_confidence > 0.5
    assert len(found.regions) == 1


@pytest.mark.models
@pytest.mark.parametrize("samples", [silence(5), noise(5), beep(5), beep(5, 425, level=0.1), dial_tones(5)])
@pytest.mark.parametrize("task", list(Task))
def test_nothing_is_made_up_where_nobody_speaks(whisper: AsrEngine, samples: Samples, task: Task) -> None:
    core = core_of(whisper)
    assert core.segment(samples, AUTO, never).regions == ()
    assert core.transcribe(samples, "en", task, never).text == ""


@pytest.mark.models
@pytest.mark.parametrize("name", sorted(PROMPTS))
def test_silence_around_speech_adds_no_words(whisper: AsrEngine, name: str) -> None:
    samples = np.concatenate([silence(6), prompt(name), silence(12)])
    heard = core_of(whisper).transcribe(samples, name[:2], Task.TRANSCRIBE, never)
    assert wrong_words(PROMPTS[name], heard.text) <= 2
    assert heard.words[0].start_ms > 5_500


@pytest.mark.models
@pytest.mark.parametrize("model", ["whisper", "whole"])
@pytest.mark.parametrize("steps", [0, 1, 2])
def test_whisper_stops_before_its_next_step_when_its_caller_goes(
    request: pytest.FixtureRequest, model: str, steps: int
) -> None:
    engine: AsrEngine = request.getfixturevalue(model)
    spoken = floats(prompt(min(PROMPTS)))
    answers = iter([False] * steps)
    with pytest.raises(Cancelled):
        engine.transcribe(spoken, "en", Task.TRANSCRIBE, lambda: next(answers, True))
    assert next(answers, None) is None, "it stopped before it was told to"
    assert engine.transcribe(spoken, "en", Task.TRANSCRIBE).text, "one call's end is not another's"


@pytest.mark.models
def test_a_language_is_not_looked_for_when_its_caller_has_gone(whisper: AsrEngine) -> None:
    with pytest.raises(Cancelled):
        whisper.language_probabilities(floats(prompt(min(PROMPTS))), lambda: True)
