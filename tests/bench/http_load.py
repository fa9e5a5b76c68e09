"""A load generator that costs little: prepared requests over a few connections, one after another on each."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

HOST: Final = "127.0.0.1"
_GIVE_UP_S: Final = 120.0


@dataclass(slots=True)
class Outcome:
    """What became of the requests of one pass.

    Attributes:
        wall_s: Time it took.
        times_s: Of each request, from its first byte sent to the last one received.
        failures: Those with another status than expected.
    """

    wall_s: float = 0.0
    times_s: list[float] = field(default_factory=list)
    failures: int = 0

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.times_s) / self.wall_s

    @property
    def p99_ms(self) -> float:
        """99 of 100 requests took at most so long, in ms."""
        ordered = sorted(self.times_s)
        return 1000 * ordered[max(0, -(-99 * len(ordered) // 100) - 1)]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, read to its end."""

    status: int
    head: bytes
    body: bytes


class Line:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int) -> Line:
        """Connect."""
        return cls(*await asyncio.open_connection(HOST, port, limit=2**20))

    async def ask(self, request: bytes) -> Answer:
        """Send a request and read its answer, which says how long it is."""
        self.writer.write(request)
        await self.writer.drain()
        return await self.answer()

    async def answer(self) -> Answer:
        """Read an answer."""
        head = await self.head()
        length = int(_value(head, b"content-length") or 0)
        return Answer(int(head.split(b" ", 2)[1]), head, await self.reader.readexactly(length))

    async def head(self) -> bytes:
        """Read the head of an answer."""
        async with asyncio.timeout(_GIVE_UP_S):
            return (await self.reader.readuntil(b"\r\n\r\n")).lower()

    def close(self) -> None:
        """Hang up."""
        self.writer.close()


def get(path: str, key: str) -> bytes:
    """Return a GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {key}\r\n\r\n".encode()


def post(path: str, key: str, document: dict[str, Any]) -> bytes:
    """Return a POST request of JSON."""
    body = json.dumps(document).encode()
    return head("POST", path, key, "application/json", len(body)) + body


def head(method: str, path: str, key: str, media_type: str, length: int) -> bytes:
    """Return the head of a request with a body of `length` bytes."""
    lines = (
        f"{method} {path} HTTP/1.1",
        f"Host: {HOST}",
        f"Authorization: Bearer {key}",
        f"Content-Type: {media_type}",
        f"Content-Length: {length}",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def load(
    port: int, requests: Sequence[bytes], seconds: float, connections: int, status: int
) -> Outcome:
    """Send requests in turn over every connection for some seconds."""
    outcome, began = Outcome(), time.perf_counter()
    lines = [await Line.open(port) for _ in range(connections)]
    turns = [_turns(requests, number) for number in range(connections)]
    try:
        await asyncio.gather(
            *(
                _work(line, turn, began + seconds, status, outcome)
                for line, turn in zip(lines, turns, strict=True)
            )
        )
    finally:
        for line in lines:
            line.close()
    outcome.wall_s = time.perf_counter() - began
    return outcome


def _turns(requests: Sequence[bytes], first: int) -> Iterator[bytes]:
    place = first
    while True:
        yield requests[place % len(requests)]
        place += 1


async def _work(line: Line, turns: Iterator[bytes], until_s: float, status: int, outcome: Outcome) -> None:
    while (began := time.perf_counter()) < until_s:
        answer = await line.ask(next(turns))
        outcome.times_s.append(time.perf_counter() - began)
        outcome.failures += answer.status != status


def _value(head: bytes, name: bytes) -> bytes:
    found = (line for line in head.split(b"\r\n") if line.startswith(name + b":"))
    return next(found, b"").partition(b":")[2].strip()
