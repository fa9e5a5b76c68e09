"""Many at once: watchers of jobs and uploads; and one very large upload, with what it costs in memory."""

from __future__ import annotations

import asyncio
import base64
import http
import json
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import psutil

from tests.bench import http_load
from tests.bench.http_house import House
from tests.bench.http_load import Line

_BOUNDARY: Final = "recording"
_PIECE_BYTES: Final = 1024 * 1024
_LOOK_S: Final = 0.05
_REST_S: Final = 1.0
TEXT: Final[dict[str, Any]] = {
    "kind": "text_translation",
    "text": "Room 12",
    "source_language": "en",
    "target_language": "pt",
}


@dataclass(slots=True)
class Crowd:
    """What became of watchers and uploads.

    Attributes:
        first_s: Of each watcher: from its request to the first event.
        last_s: Of each watcher: from the last job's cancel to the event that ends its stream.
        upload_s: Of each upload.
        errors: What went wrong, each time.
        begun: Gets something from each watcher that has heard something, or failed.
    """

    first_s: list[float] = field(default_factory=list)
    last_s: list[float] = field(default_factory=list)
    upload_s: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    begun: asyncio.Queue[None] = field(default_factory=asyncio.Queue)


async def crowd(house: House, watchers: int, uploads: int, upload_bytes: int) -> Crowd:
    """Have jobs watched, upload recordings meanwhile, then cancel the jobs.

    Args:
        house: With a reconciler, which ends cancelled jobs, and without workers.
        watchers: Event streams, ten on each job.
        uploads: Submissions at once.
        upload_bytes: Size of each file.
    """
    seen = Crowd()
    jobs = [await submitted(house) for _ in range(-(-watchers // 10))]
    cancelled_s: list[float] = []
    watching = [
        asyncio.create_task(_noted(seen, _watch(house, jobs[number % len(jobs)], seen, cancelled_s)))
        for number in range(watchers)
    ]
    for _ in range(watchers):
        await seen.begun.get()
    await asyncio.gather(*(_noted(seen, _upload(house, upload_bytes, seen)) for _ in range(uploads)))
    line = await Line.open(house.port)
    cancelled_s.append(time.perf_counter())
    for job in jobs:
        await line.ask(http_load.post(f"/v1/jobs/{job}/cancel", house.key, {}))
    line.close()
    await asyncio.gather(*watching)
    return seen


async def _noted(seen: Crowd, work: Any) -> None:
    try:
        await work
    except (OSError, TimeoutError, asyncio.IncompleteReadError, AssertionError) as error:
        seen.errors.append(f"{type(error).__name__}: {error}")
        seen.begun.put_nowait(None)


async def submitted(house: House) -> str:
    """Submit a small job; return its id."""
    line = await Line.open(house.port)
    answer = await line.ask(http_load.post("/v1/jobs", house.key, TEXT))
    line.close()
    assert answer.status == 202, answer.body
    return str(json.loads(answer.body)["id"])


async def _watch(house: House, job: str, seen: Crowd, cancelled_s: list[float]) -> None:
    line, began = await Line.open(house.port), time.perf_counter()
    line.writer.write(http_load.get(f"/v1/jobs/{job}/events", house.key))
    head = await line.head()
    assert b" 200 " in head, head
    first = True
    async for text in line.reader:
        if text.startswith(b"data: "):
            if first:
                seen.first_s.append(time.perf_counter() - began)
                first = False
                seen.begun.put_nowait(None)
            if b'"state":"cancelled"' in text:
                seen.last_s.append(time.perf_counter() - cancelled_s[0])
                line.close()
                return
    raise AssertionError("a stream ended before its job")


async def _upload(house: House, size_bytes: int, seen: Crowd) -> None:
    line, began = await Line.open(house.port), time.perf_counter()
    await send(line, house.key, size_bytes)
    answer = await line.answer()
    line.close()
    assert answer.status == 202, answer.body
    seen.upload_s.append(time.perf_counter() - began)


async def send(line: Line, key: str, size_bytes: int) -> None:
    """Send a submission with a recording of silence, never more than a piece of it in memory."""
    spec = json.dumps({"kind": "decode"})
    before = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="spec"\r\n\r\n{spec}\r\n'
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="call.wav"\r\n\r\n'
    ).encode()
    after = f"\r\n--{_BOUNDARY}--\r\n".encode()
    length = len(before) + size_bytes + len(after)
    media_type = f"multipart/form-data; boundary={_BOUNDARY}"
    line.writer.write(http_load.head("POST", "/v1/jobs", key, media_type, length) + before)
    await _silence(line, size_bytes)
    line.writer.write(after)
    await line.writer.drain()


async def send_resumably(line: Line, key: str, size_bytes: int) -> None:
    """Send the same by the tus protocol: creation with upload."""
    media_type = "application/offset+octet-stream"
    head = http_load.head("POST", "/v1/uploads", key, media_type, size_bytes).removesuffix(b"\r\n")
    name = base64.b64encode(b"call.wav").decode()
    own = f"Tus-Resumable: 1.0.0\r\nUpload-Length: {size_bytes}\r\nUpload-Metadata: filename {name}\r\n\r\n"
    line.writer.write(head + own.encode())
    await _silence(line, size_bytes)


async def _silence(line: Line, size_bytes: int) -> None:
    start, left = wav_head(size_bytes), size_bytes
    line.writer.write(start)
    left -= len(start)
    silence = bytes(_PIECE_BYTES)
    while left:
        piece = silence[:left]
        line.writer.write(piece)
        left -= len(piece)
        await line.writer.drain()


def wav_head(size_bytes: int) -> bytes:
    """Return the head of a WAV file of 16-bit telephone audio."""
    data = (size_bytes - 44).to_bytes(4, "little")
    riff = (size_bytes - 8).to_bytes(4, "little")
    form = struct.pack("<IHHIIHH", 16, 1, 1, 8_000, 16_000, 2, 16)
    return b"RIFF" + riff + b"WAVEfmt " + form + b"data" + data


class Memory:
    """Resident memory of a process while something runs.

    Attributes:
        growth_mb: The most, over what it was before.
    """

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._ended = threading.Event()
        self.growth_mb = 0.0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look for the most while inside."""
        time.sleep(_REST_S)
        before = self._process.memory_info().rss
        thread = threading.Thread(target=self._watch, args=(before,))
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _watch(self, before: int) -> None:
        while not self._ended.wait(_LOOK_S):
            self.growth_mb = max(self.growth_mb, (self._process.memory_info().rss - before) / 1e6)


@dataclass(frozen=True, slots=True)
class Large:
    """One large upload: memory that the gateway took for it, and how fast it was."""

    growth_mb: float
    mb_per_s: float


async def large(house: House, size_bytes: int, *, resumably: bool) -> Large:
    """Upload a file, after a small one to warm up; the disk holds it for a moment twice."""
    line = await Line.open(house.port)
    await send(line, house.key, 8 * _PIECE_BYTES)
    assert (await line.answer()).status == http.HTTPStatus.ACCEPTED
    line.close()
    line, memory, began = await Line.open(house.port), Memory(house.gateway), time.perf_counter()
    with memory.watched():
        began = time.perf_counter()
        await (send_resumably if resumably else send)(line, house.key, size_bytes)
        answer = await line.answer()
    assert answer.status in {201, 202}, answer.body
    line.close()
    return Large(memory.growth_mb, size_bytes / 1e6 / (time.perf_counter() - began))
