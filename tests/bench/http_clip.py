"""A clip of five seconds through the OpenAI route, next to the recogniser's library in this process."""

from __future__ import annotations

import http.client
import json
import time
import wave
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from faster_whisper import WhisperModel

from services.asr.engines.faster_whisper import DEFAULT_MODEL
from services.asr.settings import AsrSettings
from services.shared.config import load
from services.shared.models.catalogue import Catalogue
from tests.bench.http_house import House
from tests.bench.http_load import HOST

_DATA: Final = Path(__file__).parents[1] / "data"
_PARTS: Final = ("en-phone-number.wav", "en-press-9.wav")
_LENGTH_S: Final = 5
_BOUNDARY: Final = "clip"


@dataclass(slots=True)
class Clip:
    """Times of the same clip, pair by pair.

    Attributes:
        service_ms: Through the gateway.
        library_ms: By the library.
        texts: What each heard the last time.
    """

    service_ms: list[float] = field(default_factory=list)
    library_ms: list[float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


def compared(house: House, folder: Path, pairs: int) -> Clip:
    """Transcribe the clip by both ways in turn, after once to warm up."""
    file = _clip(folder)
    library, seen = _library(), Clip()
    line = http.client.HTTPConnection(HOST, house.port, timeout=120)
    for number in range(pairs + 1):
        began = time.perf_counter()
        heard = _through(line, house.key, file)
        between = time.perf_counter()
        read = _by(library, file)
        ended = time.perf_counter()
        if number:
            seen.service_ms.append(1000 * (between - began))
            seen.library_ms.append(1000 * (ended - between))
        seen.texts = [heard, read]
    line.close()
    return seen


def _library() -> WhisperModel:
    """Return the library with the model and the threads of the service; all else is its default."""
    settings = load(AsrSettings)
    folder = Catalogue(settings.models_dir).folder(DEFAULT_MODEL)
    return WhisperModel(
        str(folder),
        device="cpu",
        compute_type=settings.asr_compute_type,
        cpu_threads=settings.asr_threads_chosen,
    )


def _by(library: WhisperModel, file: Path) -> str:
    segments: Any = library.transcribe(str(file), language="en")[0]
    return " ".join(segment.text.strip() for segment in segments)


def _through(line: http.client.HTTPConnection, key: str, file: Path) -> str:
    fields = "".join(
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (("model", "whisper-1"), ("language", "en"))
    )
    form = (
        f'{fields}--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="clip.wav"\r\n\r\n'
    ).encode()
    body = form + file.read_bytes() + f"\r\n--{_BOUNDARY}--\r\n".encode()
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}",
    }
    line.request("POST", "/v1/audio/transcriptions", body, headers)
    answer = line.getresponse()
    document = json.loads(answer.read())
    assert answer.status == http.client.OK, document
    return str(document["text"])


def _clip(folder: Path) -> Path:
    """Write five seconds of telephone speech: two recordings, one after the other."""
    samples = b""
    for name in _PARTS:
        with wave.open(str(_DATA / name)) as recording:
            samples += recording.readframes(recording.getnframes())
    file = folder / "clip.wav"
    with wave.open(str(file), "wb") as clip:
        clip.setnchannels(1)
        clip.setsampwidth(2)
        clip.setframerate(8_000)
        clip.writeframes(samples[: _LENGTH_S * 16_000])
    return file
