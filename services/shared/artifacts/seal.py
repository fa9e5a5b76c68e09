"""The seal on a stored object: checksums behind the content, so that a reader trusts no byte unchecked."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from services.shared import telemetry
from services.shared.artifacts.base import Blob
from services.shared.errors import StorageFailure

BLOCK_BYTES: Final = 64 * 1024
# Magic and version, bytes per block, bytes of content, CRC-32 of the table, CRC-32 of this footer so far.
_FIELDS: Final = struct.Struct("<8sIQI")
_SUM: Final = struct.Struct("<I")
_MAGIC: Final = b"dragseal"
FOOTER_BYTES: Final = _FIELDS.size + _SUM.size


def content_bytes(sealed_bytes: int) -> int:
    """Return how much content a sealed object of that length holds; a guess if it is damaged."""
    rest = max(0, sealed_bytes - FOOTER_BYTES)
    return rest - _SUM.size * -(-rest // (BLOCK_BYTES + _SUM.size))


class Sealing:
    """Content on its way into storage: yields it, then its seal; measures it meanwhile.

    Attributes:
        size_bytes: How much content went by so far.
        digest: SHA-256 of it.
    """

    def __init__(self, parts: Iterable[bytes]) -> None:
        self.size_bytes = 0
        self.digest = hashlib.sha256()
        self._parts = parts
        self._table = bytearray()
        self._sum = 0

    def __iter__(self) -> Iterator[bytes]:
        """Yield the content as it comes, and at last its seal; only once."""
        for part in self._parts:
            if part:
                self._measure(memoryview(part))
                yield part
        if self.size_bytes % BLOCK_BYTES:
            self._end_block()
        fields = _FIELDS.pack(_MAGIC, BLOCK_BYTES, self.size_bytes, zlib.crc32(self._table))
        yield bytes(self._table) + fields + _SUM.pack(zlib.crc32(fields))

    def _measure(self, part: memoryview) -> None:
        self.digest.update(part)
        while part:
            taken = part[: BLOCK_BYTES - self.size_bytes % BLOCK_BYTES]
            part = part[len(taken) :]
            self._sum = zlib.crc32(taken, self._sum)
            self.size_bytes += len(taken)
            if self.size_bytes % BLOCK_BYTES == 0:
                self._end_block()

    def _end_block(self) -> None:
        self._table += _SUM.pack(self._sum)
        self._sum = 0


class Unsealing:
    """A sealed object, open for reading.

    Args:
        blob: Where it is kept; its owner closes it.
        key: Its name, for the log.

    Attributes:
        size_bytes: Length of the content.

    Raises:
        StorageFailure: (artifact_corrupt) its footer is missing or wrong.
    """

    def __init__(self, blob: Blob, key: str) -> None:
        self._blob = blob
        self._key = key
        self._sums: tuple[int, ...] | None = None
        end = blob.size_bytes - FOOTER_BYTES
        footer = blob.read(end, FOOTER_BYTES) if end >= 0 else b""
        fields = footer[: _FIELDS.size]
        if footer != fields + _SUM.pack(zlib.crc32(fields)):
            raise self._corrupt()
        magic, block_bytes, size_bytes, table_sum = _FIELDS.unpack(fields)
        self.size_bytes: int = size_bytes
        self._table_sum: int = table_sum
        if (magic, block_bytes, end) != (_MAGIC, BLOCK_BYTES, self.size_bytes + self._table_bytes):
            raise self._corrupt()

    def read(self, start: int, length: int) -> Iterator[bytes]:
        """Yield checked content in pieces of at most a block; what lies behind its end is left out.

        Raises:
            StorageFailure: (artifact_corrupt) a block that holds some of it is not what was put.
        """
        end = min(start + length, self.size_bytes)
        first = start // BLOCK_BYTES
        for at, block in enumerate(self._blocks(first, end), first):
            offset = at * BLOCK_BYTES
            if piece := block[max(0, start - offset) : end - offset]:
                yield piece

    def _blocks(self, first: int, end: int) -> Iterator[bytes]:
        """Yield checked blocks, from number `first` until the one that holds the byte before `end`."""
        at = first * BLOCK_BYTES
        while at < end:
            window = self._blob.read(at, min(self._blob.window_bytes, self._up(end) - at))
            for offset in range(0, len(window), BLOCK_BYTES):
                yield self._checked(at + offset, window[offset : offset + BLOCK_BYTES])
            if not window:
                raise self._corrupt()
            at += len(window)

    def _up(self, end: int) -> int:
        """Return where the block ends that holds the byte before `end`."""
        return min(self.size_bytes, -(-end // BLOCK_BYTES) * BLOCK_BYTES)

    def _checked(self, at: int, block: bytes) -> bytes:
        if zlib.crc32(block) != self._table[at // BLOCK_BYTES]:
            raise self._corrupt()
        return block

    @property
    def _table_bytes(self) -> int:
        return _SUM.size * -(-self.size_bytes // BLOCK_BYTES)

    @property
    def _table(self) -> tuple[int, ...]:
        if self._sums is None:
            table = self._blob.read(self.size_bytes, self._table_bytes)
            if zlib.crc32(table) != self._table_sum:
                raise self._corrupt()
            self._sums = struct.unpack(f"<{len(table) // _SUM.size}I", table)
        return self._sums

    def _corrupt(self) -> StorageFailure:
        telemetry.logger().error("artifact corrupt", artifact=self._key)
        return StorageFailure(
            "A stored file is damaged: restore it from a backup (the log names it) or submit the call again.",
            code="artifact_corrupt",
        )
