"""What the model services say they can do, asked over gRPC and remembered for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final, Generic, Protocol, TypeVar

from protos.v1 import (
    asr_pb2,
    asr_pb2_grpc,
    codec_pb2,
    codec_pb2_grpc,
    common_pb2,
    translation_pb2,
    translation_pb2_grpc,
    tts_pb2,
    tts_pb2_grpc,
)
from services.gateway.jobs import abilities
from services.gateway.jobs.ids import uuid7_hex
from services.gateway.jobs.spec import plain
from services.shared.errors import DragomanError
from services.shared.rpc import client

T = TypeVar("T")

# A service that does not answer is asked again no sooner, so that requests do not queue up behind it.
_RETRY_S: Final = 2.0


class Remembered(Generic[T]):
    """A value that is asked for again when it is old; while nobody answers, the old one stays.

    Args:
        ask: Asks for the value; raises a DragomanError when nobody answers.
        fresh_s: Age up to which it is not asked again.
        clock: Monotonic seconds.
    """

    def __init__(
        self, ask: Callable[[], T], fresh_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._fresh_s = fresh_s
        self._clock = clock
        self._lock = threading.Lock()
        self._value: T | None = None
        self._error = DragomanError("Nobody was asked yet.")
        self._ask_again_at = float("-inf")

    def __call__(self) -> T:
        """Return the value.

        Raises:
            DragomanError: it was never answered.
        """
        with self._lock:
            if self._clock() >= self._ask_again_at:
                self._refresh()
            if self._value is None:
                # A copy: one exception raised in many threads would gather all their tracebacks.
                raise type(self._error)(self._error.detail, code=self._error.code)
            return self._value

    def _refresh(self) -> None:
        try:
            self._value = self._ask()
            self._ask_again_at = self._clock() + self._fresh_s
        except DragomanError as error:
            self._error = error
            self._ask_again_at = self._clock() + _RETRY_S


class Answers(Protocol):
    """Keeps what services said: jobs are taken for one that was scaled to zero."""

    def get(self, service: str) -> bytes | None:
        """Return a service's last answer, None when there is none."""
        ...

    def put(self, service: str, answer: bytes) -> None:
        """Keep an answer in place of the last one."""
        ...


class GrpcCapabilities:
    """The capabilities of the four model services, also while none of a service's servers runs.

    Args:
        channels: To the services.
        answers: What they said last, to this process or to another.
        fresh_s: Age up to which an answer is not asked for again.
        timeout_s: Wait for one answer.
    """

    def __init__(self, channels: client.Channels, answers: Answers, fresh_s: float, timeout_s: float) -> None:
        self._channels = channels
        self._answers = answers
        self._timeout_s = timeout_s
        self.asr = Remembered(self._ask_asr, fresh_s)
        self.translation = Remembered(self._ask_translation, fresh_s)
        self.tts = Remembered(self._ask_tts, fresh_s)
        self.codec = Remembered(self._ask_codec, fresh_s)

    def _ask_asr(self) -> abilities.AsrCapabilities:
        answer = self._ask("asr", asr_pb2_grpc.AsrStub, asr_pb2.AsrCapabilities)
        # A server of an earlier version speaks of the one that it has.
        models = answer.models or ([answer] if answer.model.name else ())
        return abilities.AsrCapabilities(
            tuple(answer.languages),
            answer.translates_to_english,
            slots=answer.slots,
            batch=answer.batch,
            models=tuple(
                abilities.AsrModel(_model(each.model), tuple(each.languages), each.translates_to_english)
                for each in models
            ),
        )

    def _ask_translation(self) -> abilities.TranslationCapabilities:
        answer = self._ask(
            "translation", translation_pb2_grpc.TranslationStub, translation_pb2.TranslationCapabilities
        )
        return abilities.TranslationCapabilities(
            tuple(_pair(pair) for pair in answer.pairs),
            slots=answer.slots,
            batch=answer.batch,
            models=_models(answer),
        )

    def _ask_tts(self) -> abilities.TtsCapabilities:
        answer = self._ask("tts", tts_pb2_grpc.TtsStub, tts_pb2.TtsCapabilities)
        return abilities.TtsCapabilities(
            tuple(_voice(voice) for voice in answer.voices),
            slots=answer.slots,
            batch=answer.batch,
            models=_models(answer),
        )

    def _ask_codec(self) -> abilities.CodecCapabilities:
        answer = self._ask("codec", codec_pb2_grpc.CodecStub, codec_pb2.CodecCapabilities)
        return abilities.CodecCapabilities(
            tuple(_codec(codec) for codec in answer.codecs),
            tuple(answer.containers),
            slots=answer.slots,
            batch=answer.batch,
        )

    def _ask(self, service: str, stub_of: Callable[[Any], Any], kind: Any) -> Any:
        """Ask a service; while nobody answers, take what it said last, to whichever process."""
        stub = stub_of(self._channels.to(service))
        context = common_pb2.RequestContext(request_id=f"req_{uuid7_hex()}", tenant="gateway")
        request = common_pb2.CapabilitiesRequest(context=context)
        try:
            answer = client.call(lambda: stub.GetCapabilities(request, timeout=self._timeout_s))
        except DragomanError:
            kept = self._answers.get(service)
            if kept is None:
                raise
            return kind.FromString(kept)
        self._answers.put(service, answer.SerializeToString())
        return answer


def _model(message: common_pb2.ModelInfo) -> abilities.Model:
    return abilities.Model(message.name, message.revision, message.sha256)


def _models(answer: Any) -> tuple[abilities.Model, ...]:
    """Return a service's models; a server of an earlier version tells of the first one only."""
    named = answer.models or ([answer.model] if answer.model.name else ())
    return tuple(_model(each) for each in named)


def _pair(message: translation_pb2.LanguagePair) -> abilities.Pair:
    models = tuple(model.name for model in message.models)
    return abilities.Pair(message.source_language, message.target_language, models, message.pivot_language)


def _voice(message: tts_pb2.Voice) -> abilities.Voice:
    return abilities.Voice(
        name=message.name,
        language=message.language_code,
        gender=message.gender,
        default=message.default,
        model=message.model.name,
        cloned=message.cloned,
        last_resort=message.last_resort,
    )


def _codec(message: codec_pb2.CodecDescription) -> abilities.Codec:
    return abilities.Codec(
        name=message.name,
        bitrates_kbps=tuple(map(plain, message.bitrates_kbps)) or None,
        default_bitrate_kbps=plain(message.default_bitrate_kbps),
        packet_ms=message.packet_ms,
        model=_model(message.model) if message.HasField("model") else None,
    )
