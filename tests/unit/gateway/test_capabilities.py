"""What is remembered of the model services."""

from __future__ import annotations

from typing import Any

import pytest

from protos.v1 import asr_pb2, codec_pb2, common_pb2, translation_pb2, tts_pb2
from services.gateway.capabilities import GrpcCapabilities, Remembered
from services.gateway.jobs.abilities import AsrModel, Codec, Model, Pair, Voice
from services.shared.errors import Unavailable
from services.shared.rpc.client import Channels


class Service:
    """Answers with how often it was asked, unless it is away."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False

    def __call__(self) -> int:
        self.asked += 1
        if self.away:
            raise Unavailable("The service is away.", code="model_loading")
        return self.asked


class Clock:
    """A clock that a test sets."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def remembered(service: Service, clock: Clock) -> Remembered[int]:
    return Remembered(service, fresh_s=30, clock=clock)


def test_a_fresh_answer_is_not_asked_for_again(remembered: Remembered[int], clock: Clock) -> None:
    assert remembered() == 1
    clock.now_s = 29
    assert remembered() == 1
    clock.now_s = 30
    assert remembered() == 2


def test_an_old_answer_is_better_than_none(
    remembered: Remembered[int], service: Service, clock: Clock
) -> None:
    assert remembered() == 1
    service.away, clock.now_s = True, 31
    assert remembered() == 1
    service.away, clock.now_s = False, 40
    assert remembered() == 3


def test_a_service_that_never_answered_is_unavailable(remembered: Remembered[int], service: Service) -> None:
    service.away = True
    with pytest.raises(Unavailable) as caught:
        remembered()
    assert caught.value.code == "model_loading"


def test_a_service_that_is_away_is_not_asked_at_every_request(
    remembered: Remembered[int], service: Service, clock: Clock
) -> None:
    service.away = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            remembered()
    assert service.asked == 1
    service.away, clock.now_s = False, 2
    assert remembered() == 2


class Kept:
    """Answers that services gave before they went away."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers

    def get(self, service: str) -> bytes | None:
        return bytes(self._answers[service].SerializeToString())

    def put(self, service: str, answer: bytes) -> None:
        raise AssertionError("nobody answers here")


def told(**answers: Any) -> GrpcCapabilities:
    return GrpcCapabilities(Channels(lambda _: "127.0.0.1:1"), Kept(**answers), fresh_s=30, timeout_s=5)


BASE = common_pb2.ModelInfo(name="base", revision="1", sha256="ab")
TINY, WIDE = common_pb2.ModelInfo(name="tiny"), common_pb2.ModelInfo(name="wide")


def test_every_model_of_recognition_says_what_it_can() -> None:
    models = [
        asr_pb2.AsrModel(model=BASE, languages=["en"], translates_to_english=True),
        asr_pb2.AsrModel(model=WIDE, languages=["en", "ja"]),
    ]
    known = told(
        asr=asr_pb2.AsrCapabilities(
            model=BASE, languages=["en"], translates_to_english=True, slots=2, batch=8, models=models
        )
    ).asr()
    assert (known.languages, known.slots, known.batch, known.names) == (("en",), 2, 8, ("base", "wide"))
    assert known.models[0] == AsrModel(Model("base", "1", "ab"), ("en",), translates_to_english=True)
    wide = known.of("wide")
    assert (wide.languages, wide.translates_to_english, wide.slots) == (("en", "ja"), False, 2)


def test_of_two_engines_with_one_model_the_first_answers() -> None:
    models = [
        asr_pb2.AsrModel(model=BASE, languages=["en"]),
        asr_pb2.AsrModel(model=BASE, languages=["en", "ja"]),
    ]
    known = told(asr=asr_pb2.AsrCapabilities(model=BASE, languages=["en"], models=models)).asr()
    assert known.of("base").languages == ("en",)


def test_a_pair_says_through_what_it_goes() -> None:
    pairs = [
        translation_pb2.LanguagePair(source_language="en", target_language="pt", models=[TINY]),
        translation_pb2.LanguagePair(
            source_language="es", target_language="pt", models=[WIDE, TINY], pivot_language="en"
        ),
    ]
    answer = translation_pb2.TranslationCapabilities(model=TINY, pairs=pairs, models=[TINY])
    known = told(translation=answer).translation()
    assert known.pairs == (Pair("en", "pt", ("tiny",)), Pair("es", "pt", ("wide", "tiny"), "en"))
    assert known.names == ("tiny", "wide")


def test_a_voice_and_a_codec_say_their_model() -> None:
    voice = tts_pb2.Voice(
        name="eve",
        language_code="en",
        gender="female",
        default=True,
        model=WIDE,
        cloned=True,
        last_resort=True,
    )
    spoken = told(tts=tts_pb2.TtsCapabilities(voices=[voice], models=[WIDE])).tts()
    assert spoken.voices == (
        Voice("eve", "en", "female", default=True, model="wide", cloned=True, last_resort=True),
    )
    codecs = [
        codec_pb2.CodecDescription(
            name="encodec", bitrates_kbps=[1.5, 3, 6], default_bitrate_kbps=6, packet_ms=80, model=BASE
        ),
        codec_pb2.CodecDescription(name="flac"),
    ]
    packed = told(codec=codec_pb2.CodecCapabilities(codecs=codecs)).codec()
    assert packed.codecs == (
        Codec("encodec", (1.5, 3, 6), 6, 80, Model("base", "1", "ab")), Codec("flac", None, 0),
    )  # fmt: skip


def test_a_server_of_an_earlier_version_has_the_one_model_that_it_names() -> None:
    known = told(
        asr=asr_pb2.AsrCapabilities(model=BASE, languages=["en"], translates_to_english=True, slots=2),
        translation=translation_pb2.TranslationCapabilities(
            model=TINY, pairs=[translation_pb2.LanguagePair(source_language="en", target_language="pt")]
        ),
        tts=tts_pb2.TtsCapabilities(model=WIDE, voices=[tts_pb2.Voice(name="eve", language_code="en")]),
        codec=codec_pb2.CodecCapabilities(),
    )
    assert known.asr().of("base").languages == ("en",)
    assert known.asr().batch == 0
    assert known.translation().of("tiny").pairs == (Pair("en", "pt"),)
    assert known.tts().of("wide").voices == (Voice("eve", "en"),)
    assert known.codec().codecs == ()


def test_a_server_that_never_said_its_model_has_none() -> None:
    known = told(asr=asr_pb2.AsrCapabilities(), tts=tts_pb2.TtsCapabilities())
    assert (known.asr().names, known.tts().names) == ((), ())
