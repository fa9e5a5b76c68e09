"""What the model services say they can do, asked over gRPC and remembered for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from protos.v1 import asr_pb2_grpc, codec_pb2_grpc, common_pb2, translation_pb2_grpc, tts_pb2_grpc
from services.gateway.jobs import ports
from services.gateway.jobs.ids import uuid7_hex
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


class GrpcCapabilities:
    """The capabilities of the four model services.

    Args:
        channels: To the services.
        fresh_s: Age up to which an answer is not asked for again.
        timeout_s: Wait for one answer.
    """

    def __init__(self, channels: client.Channels, fresh_s: float, timeout_s: float) -> None:
        self._channels = channels
        self._timeout_s = timeout_s
        self.asr = Remembered(self._ask_asr, fresh_s)
        self.translation = Remembered(self._ask_translation, fresh_s)
        self.tts = Remembered(self._ask_tts, fresh_s)
        self.codec = Remembered(self._ask_codec, fresh_s)

    def _ask_asr(self) -> ports.AsrCapabilities:
        answer = self._ask(asr_pb2_grpc.AsrStub(self._channels.to("asr")))
        return ports.AsrCapabilities(tuple(answer.languages), answer.translates_to_english)

    def _ask_translation(self) -> ports.TranslationCapabilities:
        answer = self._ask(translation_pb2_grpc.TranslationStub(self._channels.to("translation")))
        return ports.TranslationCapabilities(
            tuple((pair.source_language, pair.target_language) for pair in answer.pairs)
        )

    def _ask_tts(self) -> ports.TtsCapabilities:
        answer = self._ask(tts_pb2_grpc.TtsStub(self._channels.to("tts")))
        return ports.TtsCapabilities(
            tuple(ports.Voice(voice.name, voice.language_code) for voice in answer.voices)
        )

    def _ask_codec(self) -> ports.CodecCapabilities:
        answer = self._ask(codec_pb2_grpc.CodecStub(self._channels.to("codec")))
        return ports.CodecCapabilities(
            tuple(_codec(codec) for codec in answer.codecs), tuple(answer.containers)
        )

    def _ask(self, stub: Any) -> Any:
        context = common_pb2.RequestContext(request_id=f"req_{uuid7_hex()}", tenant="gateway")
        request = common_pb2.CapabilitiesRequest(context=context)
        return client.call(lambda: stub.GetCapabilities(request, timeout=self._timeout_s))


def _codec(message: Any) -> ports.Codec:
    bitrates = tuple(message.bitrates_kbps)
    return ports.Codec(
        name=message.name,
        bitrates_kbps=(bitrates[0], bitrates[-1]) if bitrates else None,
        default_bitrate_kbps=message.default_bitrate_kbps,
    )
