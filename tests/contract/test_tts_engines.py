"""What every speech engine promises, asked of each one; and what each is more than that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.shared.config import load
from services.shared.engines import EngineSpec, Reference, load_engine
from services.shared.errors import Cancelled, Misconfigured
from services.shared.glossary import Pronunciation
from services.shared.models.pull import pull
from services.tts.core import TtsCore
from services.tts.engines import kokoro_graph
from services.tts.engines.base import TtsEngine
from services.tts.engines.fake import FakeEngine
from services.tts.engines.kokoro_voices import readable
from services.tts.engines.registry import ENGINES, create
from services.tts.engines.trade import alone, residents
from services.tts.request import SpeechRequest
from services.tts.settings import TtsSettings
from tests.contract.tts_suite import CHECKS, SENTENCES, Check, length_ms, lines, named
from tests.support.speech import heard, plain, wrong_words

# One line adds an engine. Those that need more than requirements/dev.txt run the checks in tests/engines.
CONFORMING = (
    "fake",
    "espeak",
    pytest.param("kokoro", marks=pytest.mark.models),
    pytest.param("piper", marks=pytest.mark.models),
)


@pytest.fixture(scope="module")
def kokoro() -> TtsEngine:
    return create(Reference("kokoro"), load(TtsSettings))


@pytest.fixture(scope="module")
def piper() -> TtsEngine:
    settings = load(TtsSettings)
    pull("piper-en", settings.models_dir)
    return create(Reference("piper"), settings)


@pytest.fixture(scope="module")
def espeak() -> TtsEngine:
    return create(Reference("espeak"), load(TtsSettings))


@pytest.fixture(scope="module", params=CONFORMING)
def engine(request: pytest.FixtureRequest) -> TtsEngine:
    if request.param == "fake":
        return create(Reference("fake"), load(TtsSettings))
    loaded: TtsEngine = request.getfixturevalue(request.param)
    return loaded


@pytest.mark.parametrize("check", CHECKS, ids=named)
def test_an_engine_keeps_its_promises(engine: TtsEngine, check: Check) -> None:
    check(engine)


NEW_ENGINE = """
import numpy as np

from services.shared.engines import Model
from services.tts.engines.base import SAMPLE_RATE_HZ, Voice

class Buzz:
    model = Model("buzz", "1")
    voices = (Voice("bee", "de", "", default=True),)

    def estimate_ms(self, text, voice, rate):
        return round(sum(map(str.isalnum, text)) * 50 / rate)

    def synthesize(self, text, voice, rate, cancelled=lambda: False):
        samples = self.estimate_ms(text, voice, rate) * SAMPLE_RATE_HZ // 1000
        return (0.5 * np.sin(np.arange(samples))).astype(np.float32)

def load(settings, model=""):
    return Buzz()
"""


@pytest.fixture
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TtsEngine:
    """What it takes to add an engine: its file, and its row in the table."""
    (tmp_path / "buzz_engine.py").write_text(NEW_ENGINE)
    monkeypatch.syspath_prepend(tmp_path)
    table = {**ENGINES, "buzz": EngineSpec("buzz", "buzz_engine", (), "", "Hums.")}
    engine: TtsEngine = load_engine("tts", table, Reference("buzz"), TtsSettings())
    return engine


@pytest.mark.parametrize("check", CHECKS, ids=named)
def test_an_engine_is_added_by_one_file_and_one_row(newcomer: TtsEngine, check: Check) -> None:
    check(newcomer)


def test_the_checks_find_an_engine_that_breaks_its_promises() -> None:
    class Restless(FakeEngine):
        def estimate_ms(self, text: str, voice: str, rate: float) -> int:
            return super().estimate_ms(text, voice, rate * 1.5)

    with pytest.raises(AssertionError):
        [check(Restless()) for check in CHECKS]


@pytest.mark.models
@pytest.mark.parametrize("name", ["kokoro", "piper", "espeak"])
def test_what_is_spoken_is_understood_word_for_word(request: pytest.FixtureRequest, name: str) -> None:
    engine: TtsEngine = request.getfixturevalue(name)
    voice = next(voice.name for voice in engine.voices if voice.default and voice.language_code == "en-US")
    text = "Good morning, how can I help you today?"
    for rate in (0.8, 1.0, 1.25):
        assert wrong_words(plain(text), heard(engine.synthesize(text, voice, rate), "en")) == 0


@pytest.mark.models
def test_a_pronunciation_is_what_is_heard(kokoro: TtsEngine) -> None:
    core = TtsCore(alone(kokoro))

    def said(*pronunciations: Pronunciation) -> str:
        request = SpeechRequest("My name is Nguyen, thank you.", "en", pronunciations=pronunciations)
        return heard(core.synthesize(request).audio, "en").lower()

    assert "margaret" not in said()
    assert "margaret" in said(Pronunciation("nguyen", "Margaret"))


@pytest.mark.parametrize("name", ["fake", pytest.param("kokoro", marks=pytest.mark.models)])
def test_it_speaks_the_languages_of_the_lite_set(name: str) -> None:
    voices = create(Reference(name), load(TtsSettings)).voices
    assert {voice.language_code for voice in voices} >= {"en-US", "es", "fr", "pt-BR"}
    english = [voice.language_code for voice in voices if voice.language_code.startswith("en")]
    assert english[0] == "en-US", "which stands for English"


@pytest.mark.models
def test_by_default_kokoro_speaks_what_it_can_and_espeak_the_rest() -> None:
    core = TtsCore(residents(load(TtsSettings)))
    assert [status.model.name for status in core.residents.statuses] == ["kokoro-82m-int8", "espeak-ng"]
    ours = core.synthesize(SpeechRequest(SENTENCES["pt"], "pt-PT"))
    theirs = core.synthesize(SpeechRequest(SENTENCES["de"], "de-AT"))
    assert (ours.voice, ours.warnings) == ("pf_dora", ())
    assert (theirs.voice, theirs.warnings) == ("espeak-de", ("last_resort_voice",))


def test_espeak_speaks_a_hundred_languages_each_by_a_man_and_a_woman(espeak: TtsEngine) -> None:
    assert len({voice.language_code.partition("-")[0] for voice in espeak.voices}) >= 100
    for gender in ("female", "male"):
        codes = [voice.language_code for voice in espeak.voices if voice.gender == gender]
        assert len(codes) == len(set(codes)) == len(espeak.voices) / 2
    assert all(voice.last_resort for voice in espeak.voices)


def test_every_espeak_voice_speaks(espeak: TtsEngine) -> None:
    # Of these two it reads no Latin digits.
    words = {"chr": "ᎣᏏᏲ", "cv": "Салам"}
    silent = [
        voice.name
        for voice in espeak.voices
        if not espeak.synthesize(words.get(voice.language_code, "1"), voice.name, 1.0).size
    ]
    assert silent == []


def test_espeak_reads_markup_as_text(espeak: TtsEngine) -> None:
    marked, bare = (
        length_ms(espeak.synthesize(text, "espeak-en-us", 1.0)) for text in ('<break time="9s"/>', "ok")
    )
    assert bare < marked < 8_000


@pytest.mark.models
def test_espeak_and_the_phonemes_of_others_do_not_meet(espeak: TtsEngine, kokoro: TtsEngine) -> None:
    before = kokoro.estimate_ms(f"{SENTENCES['fr']} Un.", "ff_siwis", 1.0)
    first = espeak.synthesize(SENTENCES["de"], "espeak-de", 1.0)
    assert kokoro.estimate_ms(f"{SENTENCES['fr']}  Un.", "ff_siwis", 1.0) == before
    espeak.synthesize("Hello", "espeak-en-us", 2.0)
    again = create(Reference("espeak"), load(TtsSettings)).synthesize(SENTENCES["de"], "espeak-de", 1.0)
    assert np.array_equal(first, again)


@pytest.mark.parametrize("files", [[], ["a.onnx"], ["a.onnx", "a.onnx.json", "b.onnx", "b.onnx.json"]])
def test_a_folder_that_is_no_piper_voice_is_refused(tmp_path: Path, files: list[str]) -> None:
    for name in ("weights.bin", *files):
        (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(Misconfigured) as refused:
        create(Reference("piper", str(tmp_path)), TtsSettings(models_dir=tmp_path))
    assert refused.value.code == "piper_voice_unusable"


@pytest.mark.models
def test_a_piper_voice_in_a_folder_is_spoken_by_its_path(piper: TtsEngine, tmp_path: Path) -> None:
    place = load(TtsSettings).models_dir / piper.model.name
    (tmp_path / "joe").mkdir()
    for file in place.glob("*.onnx*"):
        (tmp_path / "joe" / file.name).symlink_to(file)
    found = create(Reference("piper", str(tmp_path / "joe")), load(TtsSettings))
    assert (found.model.name, found.model.sha256) == ("joe", piper.model.sha256)
    voice, sentence = lines(piper)[0]
    assert np.array_equal(found.synthesize(sentence, voice, 1.0), piper.synthesize(sentence, voice, 1.0))


@pytest.mark.models
def test_every_kokoro_voice_listed_has_a_style_and_speaks(kokoro: TtsEngine) -> None:
    assert kokoro.voices == readable()
    for voice in kokoro.voices:
        assert kokoro.estimate_ms(SENTENCES[voice.language_code.partition("-")[0]], voice.name, 1.0) > 1000


@pytest.mark.models
def test_kokoro_loses_nothing_of_a_number_longer_than_its_phoneme_limit(kokoro: TtsEngine) -> None:
    digits = " ".join(["4111"] * 12)
    once_ms = kokoro.estimate_ms(digits, "af_heart", 1.0)
    assert kokoro.estimate_ms(f"{digits} {digits}", "af_heart", 1.0) == pytest.approx(2 * once_ms, rel=0.1)


@pytest.mark.models
def test_kokoro_does_not_speak_the_marks_around_foreign_words(kokoro: TtsEngine) -> None:
    # espeak puts "(en)" before the English word and "(fr)" after it; else it is no longer than the French.
    foreign_ms, native_ms = (
        kokoro.estimate_ms(text, "ff_siwis", 1.0) for text in ("le shopping", "la chopine")
    )
    assert foreign_ms < native_ms * 1.3


@pytest.mark.models
def test_kokoro_sounds_the_same_with_and_without_vnni(
    kokoro: TtsEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kokoro_graph, "has_vnni", lambda: False)
    published = create(Reference("kokoro"), load(TtsSettings))
    voice, sentence = lines(kokoro)[0]
    assert np.array_equal(published.synthesize(sentence, voice, 1.0), kokoro.synthesize(sentence, voice, 1.0))


@pytest.mark.models
@pytest.mark.parametrize("name", ["kokoro", "piper"])
def test_a_model_stops_in_the_middle_of_a_piece_when_its_caller_goes(
    request: pytest.FixtureRequest, name: str
) -> None:
    engine: TtsEngine = request.getfixturevalue(name)
    asked: list[bool] = []

    def cancelled() -> bool:
        asked.append(len(asked) > 0)
        return asked[-1]

    text, voice = SENTENCES["en"] * 3, lines(engine)[0][0]
    with pytest.raises(Cancelled):
        engine.synthesize(text, voice, 0.5, cancelled)
    assert asked == [False, True], "it was told once, and went on no longer"
    assert engine.synthesize(text, voice, 2.0, lambda: False).any(), "one call's end is not another's"
