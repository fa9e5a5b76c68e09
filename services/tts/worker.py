"""The TTS stage worker: a region's translation, or a job's own text, becomes a speech artifact."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from protos.v1 import common_pb2, tts_pb2, tts_pb2_grpc
from services.shared import tasks
from services.shared.config import load
from services.shared.glossary import Pronunciation, glossary_of
from services.shared.stage import Handler, Output, Work, run_worker
from services.tts.fitting import fitted, room_ms
from services.tts.settings import TtsSettings
from services.tts.verifying import Verified, verified, wanted

# The server's word for it; a worker does not import the core.
_SLOT_OVERRUN: Final = "slot_overrun"
# At so much of its rate a text is spoken again that was not understood; never faster for a slot than it
# would have been.
_SLOWER: Final = 0.85
_MIN_RATE: Final = 0.5
_MAX_STRETCH: Final = 2.0


@dataclass(frozen=True, slots=True)
class _Line:
    """What one unit has to say, and how; the text is empty when there is nothing.

    The slot is followed by `borrow_ms` of silence that it may take.
    """

    text: str
    language: str
    voice: str | None
    slot_ms: int = 0
    borrow_ms: int = 0
    max_stretch: float | None = None
    rate: float = 1.0

    def slower(self, stretch: float) -> _Line:
        """Return the same, said more slowly than at a stretch where its slot has the time."""
        rate = max(_MIN_RATE, _SLOWER * min(1.0, stretch))
        most = self.max_stretch and min(_MAX_STRETCH, self.max_stretch / rate)
        return replace(self, rate=rate, max_stretch=most)


@dataclass(frozen=True, slots=True)
class _Speech:
    """What the server said of a line, and its samples."""

    info: tts_pb2.SpeechInfo
    pcm: bytes

    @property
    def duration_ms(self) -> int:
        """Its length."""
        return self.info.duration_ms

    @property
    def rate_hz(self) -> int:
        """Of its samples."""
        return self.info.format.sample_rate_hertz


def synthesize(work: Work) -> Output:
    """Speak one unit: a region into its slot, a text of a speech job without one."""
    line = _whole_text(work) if work.claim.index == "job" else _region(work)
    if not line.text:
        return Output(_document(line, None, tts_pb2.SpeechInfo()), audio_ms=0)
    text, speech = fitted(
        work, line.text, (line.slot_ms, line.borrow_ms), lambda text: _speak(work, replace(line, text=text))
    )
    if not speech.pcm:
        return Output(_document(line, None, speech.info), audio_ms=0)
    checked = _verified(work, replace(line, text=text), speech) if wanted(work) else None
    if checked:
        speech = checked.speech
    info = speech.info
    stored = work.artifacts.put(work.key("speech.wav"), _wav(speech.pcm, info.format))
    document = {**_document(line, stored.key, info), **_shortened(work, line, text)}
    if checked:
        document |= {"heard": checked.document, "warnings": [*document["warnings"], *checked.warnings]}
    return Output(document, audio_ms=info.duration_ms)


def _verified(work: Work, line: _Line, speech: _Speech) -> Verified[_Speech]:
    pronunciations = _pronunciations(work, line)
    slower = line.slower(speech.info.stretch)
    return verified(work, (line.text, line.language), pronunciations, speech, lambda: _speak(work, slower))


def _speak(work: Work, line: _Line) -> _Speech:
    stub = tts_pb2_grpc.TtsStub(work.channels.to("tts"))
    responses = work.stream(stub.Synthesize, _request(work, line))
    info = next(responses).info
    # What is said more slowly to begin with is hurried by so much less.
    info.stretch *= line.rate
    return _Speech(info, b"".join(response.audio for response in responses))


def _shortened(work: Work, line: _Line, spoken: str) -> Mapping[str, str]:
    """Keep what was spoken where that is not the translation itself."""
    if spoken == line.text:
        return {}
    document = json.dumps({"text": spoken}, ensure_ascii=False).encode()
    return {"spoken_text": work.artifacts.put(work.key("spoken.json"), document).key}


def _whole_text(work: Work) -> _Line:
    spec = work.claim.spec
    text = work.artifacts.get(spec["input"]["key"]).decode()
    return _Line(text.strip(), spec["language"], spec.get("voice"))


def _region(work: Work) -> _Line:
    payload, translated = work.claim.payload, work.claim.inputs[tasks.TRANSLATE]
    text = ""
    if not translated["empty"]:
        text = json.loads(work.artifacts.get(translated["translation"]))["text"].strip()
    return _Line(
        text,
        payload["target_language"],
        payload.get("voice"),
        *room_ms(work),
        payload.get("max_stretch"),
    )


def _request(work: Work, line: _Line) -> tts_pb2.SynthesizeRequest:
    return tts_pb2.SynthesizeRequest(
        context=work.context,
        text=line.text,
        language_code=line.language,
        voice=line.voice or "",
        rate=line.rate,
        slot_ms=line.slot_ms,
        max_stretch=line.max_stretch or 0,
        pronunciations=[tts_pb2.Pronunciation(**asdict(each)) for each in _pronunciations(work, line)],
    )


def _pronunciations(work: Work, line: _Line) -> tuple[Pronunciation, ...]:
    return tuple(glossary_of(work.claim.spec, work.artifacts).pronunciations(line.language))


def _document(line: _Line, audio: str | None, info: tts_pb2.SpeechInfo) -> Mapping[str, Any]:
    return {
        "audio": audio,
        "voice": info.voice or line.voice,
        "slot_ms": line.slot_ms,
        "borrow_ms": line.borrow_ms,
        "duration_ms": info.duration_ms,
        "stretch": info.stretch or 1.0,
        "sample_rate_hertz": info.format.sample_rate_hertz,
        "model": _model(info.model) if info.model.name else None,
        "heard": None,
        "warnings": _warnings(line, info),
    }


def _model(model: common_pb2.ModelInfo) -> Mapping[str, str]:
    return {"name": model.name, "revision": model.revision, "sha256": model.sha256}


def _warnings(line: _Line, info: tts_pb2.SpeechInfo) -> list[str]:
    """Return the server's warnings; it does not know of the silence that takes what is over the slot."""
    fits = info.duration_ms <= line.slot_ms + line.borrow_ms
    return [each for each in info.warnings if not (fits and each == _SLOT_OVERRUN)]


def _wav(pcm: bytes, layout: common_pb2.PcmFormat) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(layout.channel_count)
        out.setsampwidth(2)
        out.setframerate(layout.sample_rate_hertz)
        out.writeframes(pcm)
    return file.getvalue()


HANDLERS: Final[Mapping[str, Handler]] = {tasks.SYNTHESIZE: synthesize}


def main() -> None:
    """Work until told to stop."""
    settings = load(TtsSettings)
    run_worker("tts", HANDLERS, settings, settings.tts_workers)


if __name__ == "__main__":
    main()
