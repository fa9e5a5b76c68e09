"""What arrives for an upload, on its way into the artifact store: in parts, so that little is lost."""

from __future__ import annotations

import hashlib
import secrets
import tempfile
import time
from base64 import b64decode
from binascii import Error as Base64Error
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, Final

from services.gateway.uploads.records import Lock, Part, Records
from services.shared.artifacts.base import ArtifactStore
from services.shared.errors import InvalidRequest, StorageFailure, TooLarge

ALGORITHMS: Final = ("sha1", "sha256", "sha512")
PART_BYTES: Final = 8 * 1024 * 1024
# A file in pieces of less would take a long list in Redis, and a request to the store for each of them.
MOST_PARTS: Final = 10_000
_CHUNK_BYTES: Final = 64 * 1024
_PROLONG_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a client says that the body of its request must add up to."""

    algorithm: str
    digest: bytes

    @classmethod
    def parse(cls, header: str) -> Checksum:
        """Read an Upload-Checksum header: an algorithm, a space, a digest in Base64.

        Raises:
            InvalidRequest: (checksum_unsupported) it is something else.
        """
        algorithm, _, encoded = header.strip().partition(" ")
        with suppress(Base64Error, ValueError):
            if algorithm in ALGORITHMS:
                return cls(algorithm, b64decode(encoded, validate=True))
        detail = f"Upload-Checksum must be one of {', '.join(ALGORITHMS)}, a space, and the digest in Base64."
        raise InvalidRequest(detail, code="checksum_unsupported")


class Receiving:
    """Takes the body of one request; to be closed in any case. Not for two threads at once.

    What has been stored counts at once, so that it is not lost with the connection; with a checksum nothing
    counts before all of it is there and right.

    Args:
        lock: Of the upload; what comes goes to its end.
        records: Where it is counted.
        artifacts: Where it is stored.
        checksum: Of all that will come.
    """

    def __init__(
        self, lock: Lock, records: Records, artifacts: ArtifactStore, checksum: Checksum | None = None
    ) -> None:
        self._lock = lock
        self._records = records
        self._artifacts = artifacts
        self._checksum = checksum
        self._digest = hashlib.new(checksum.algorithm) if checksum else None
        self._spool: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._spooled_bytes = 0
        self._uncounted: list[Part] = []
        self._part_count = len(records.parts(lock.record))
        self._prolonged_s = time.monotonic()
        self.offset_bytes = lock.record.offset_bytes

    def write(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            TooLarge: (file_too_large) it is more than the upload was to be, or (too_many_parts) it came in
                too many requests.
            Conflict: the upload is somebody else's by now; see Records.append.
            StorageFailure: it cannot be stored.
        """
        if self.offset_bytes + self._pending_bytes + len(data) > self._lock.record.size_bytes:
            detail = f"The upload was announced with {self._lock.record.size_bytes} bytes: this is more."
            raise TooLarge(detail, code="file_too_large")
        if self._digest:
            self._digest.update(data)
        try:
            self._spool.write(data)
        except OSError as error:
            detail = f"The upload could not be received ({error.strerror}); free space, then send the rest."
            raise StorageFailure(detail, code="storage_full") from error
        self._spooled_bytes += len(data)
        if time.monotonic() - self._prolonged_s > _PROLONG_S:
            self._prolonged_s = time.monotonic()
            self._records.prolong(self._lock)
        if self._spooled_bytes >= PART_BYTES:
            self._store()

    def finish(self) -> None:
        """Store and count the rest: the request came to its end.

        Raises:
            InvalidRequest: (checksum_mismatch) it is not what the checksum is of; nothing of it counts.
            TooLarge, Conflict, StorageFailure: as `write`.
        """
        if self._checksum and self._digest and self._digest.digest() != self._checksum.digest:
            detail = "The body is not what Upload-Checksum is of: send it again from the same offset."
            raise InvalidRequest(detail, code="checksum_mismatch")
        self._store()
        self._count()

    def break_off(self) -> None:
        """Keep what came before the request broke off; without its end, a checksum says nothing."""
        if self._checksum is None:
            self._store()

    def close(self) -> None:
        """Let go of what does not count."""
        self._spool.close()
        with suppress(StorageFailure):
            for part in self._uncounted:
                self._artifacts.delete_prefix(part.key)

    @property
    def _pending_bytes(self) -> int:
        return self._spooled_bytes + sum(part.size_bytes for part in self._uncounted)

    def _store(self) -> None:
        if not self._spooled_bytes:
            return
        if self._part_count + len(self._uncounted) >= MOST_PARTS:
            detail = f"The file came in {MOST_PARTS} pieces already: begin anew, with larger ones."
            raise TooLarge(detail, code="too_many_parts")
        self._spool.seek(0)
        # Of a name of its own: a writer whose lock is lost writes over nobody's part.
        name = f"{self.offset_bytes + self._pending_bytes - self._spooled_bytes:016d}.{secrets.token_hex(4)}"
        stored = self._artifacts.put(
            f"{self._lock.record.prefix}{name}", iter(lambda: self._spool.read(_CHUNK_BYTES), b"")
        )
        self._uncounted.append(Part(stored.key, stored.size_bytes))
        self._spool.seek(0)
        self._spool.truncate()
        self._spooled_bytes = 0
        if self._checksum is None:
            self._count()

    def _count(self) -> None:
        if self._uncounted:
            self._records.append(self._lock, self.offset_bytes, self._uncounted)
            self.offset_bytes += sum(part.size_bytes for part in self._uncounted)
            self._part_count += len(self._uncounted)
            self._uncounted = []
