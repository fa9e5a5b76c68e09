"""The TTS stage worker: a region's translation, or a job's own text, becomes a speech artifact."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from protos.v1 import common_pb2, tts_pb2, tts_pb2_grpc
from services.shared import tasks
from services.shared.config import load
from services.shared.glossary import glossary_of
from services.shared.stage import Handler, Output, Work, run_worker
from services.tts.settings import TtsSettings

# The server's word for it; a worker does not import the core.
_SLOT_OVERRUN: Final = "slot_overrun"


@dataclass(frozen=True, slots=True)
class _Line:
    """What one unit has to say, and how; the text is empty when there is nothing.

    The slot is followed by `borrow_ms` of silence on its channel.
    """

    text: str
    language: str
    voice: str | None
    slot_ms: int = 0
    borrow_ms: int = 0
    max_stretch: float | None = None


def synthesize(work: Work) -> Output:
    """Speak one unit: a region into its slot, a text of a speech job without one."""
    line = _whole_text(work) if work.claim.index == "job" else _region(work)
    if not line.text:
        return Output(_document(line, None, tts_pb2.SpeechInfo()), audio_ms=0)
    stub = tts_pb2_grpc.TtsStub(work.channels.to("tts"))
    responses = work.stream(stub.Synthesize, _request(work, line))
    info = next(responses).info
    pcm = b"".join(response.audio for response in responses)
    if not pcm:
        return Output(_document(line, None, info), audio_ms=0)
    stored = work.artifacts.put(work.key("speech.wav"), _wav(pcm, info.format))
    return Output(_document(line, stored.key, info), audio_ms=info.duration_ms)


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
        payload["end_ms"] - payload["start_ms"],
        payload["borrow_ms"],
        payload.get("max_stretch"),
    )


def _request(work: Work, line: _Line) -> tts_pb2.SynthesizeRequest:
    return tts_pb2.SynthesizeRequest(
        context=work.context,
        text=line.text,
        language_code=line.language,
        voice=line.voice or "",
        slot_ms=line.slot_ms,
        max_stretch=line.max_stretch or 0,
        pronunciations=[
            tts_pb2.Pronunciation(**asdict(each))
            for each in glossary_of(work.claim.spec, work.artifacts).pronunciations(line.language)
        ],
    )


def _document(line: _Line, audio: str | None, info: tts_pb2.SpeechInfo) -> Mapping[str, Any]:
    return {
        "audio": audio,
        "voice": info.voice or line.voice,
        "slot_ms": line.slot_ms,
        "duration_ms": info.duration_ms,
        "stretch": info.stretch or 1.0,
        "sample_rate_hertz": info.format.sample_rate_hertz,
        "model": _model(info.model) if info.model.name else None,
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
