"""Reads server-sent events (HTML standard, section 9.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_LONGEST_RECONNECT_S: Final = 5.0
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    Attributes:
        data: What it says.
        id: To go on after it; empty when it has none.
    """

    data: str
    id: str


class EventParser:
    """Reads events from bytes, however they are cut.

    Attributes:
        retry_s: How long to wait before coming back, as the stream said last; None before.
    """

    def __init__(self) -> None:
        self.retry_s: float | None = None
        self._rest = b""
        self._data: list[str] = []
        self._id = ""

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Yield the events that are complete with this chunk."""
        text = self._rest + chunk
        # A last "\r" may be the first half of a line end.
        held = len(text) - text.endswith(b"\r")
        *lines, last = _LINE_END.split(text[:held])
        self._rest = last + text[held:]
        for line in lines:
            if event := self._take(line.decode(errors="replace")):
                yield event

    def _take(self, line: str) -> Event | None:
        if not line:
            data, self._data = self._data, []
            return Event("\n".join(data), self._id) if data else None
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
            case "id" if "\0" not in value:
                self._id = value
            case "retry" if value.isascii() and value.isdecimal():
                self.retry_s = min(int(value) / 1000, _LONGEST_RECONNECT_S)
        return None
