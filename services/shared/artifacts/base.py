"""The artifact store: where audio and text live, so that messages carry only references."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class Artifact:
    """A stored object.

    Attributes:
        key: Slash-separated path below the store, such as "default/job_0192.../upload".
        size_bytes: Length of the content.
        sha256: Hex digest of the content.
    """

    key: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Stored:
    """What a listing tells of an object or a blob.

    Attributes:
        key: Its path.
        size_bytes: Length of an object's content, or of the whole blob.
        modified_at: When it was written (UTC), to the second at least.
    """

    key: str
    size_bytes: int
    modified_at: datetime


class ArtifactStore(Protocol):
    """Objects under keys. A key's content appears whole or not at all, and is checked whenever it is read.

    Every method raises StorageFailure when the store itself fails, and InvalidRequest
    (code invalid_key) for a key that is not a plain relative path. Codes of StorageFailure: storage_full
    (nothing was kept), artifact_corrupt (what was read is not what was put), else storage_failure.
    """

    def put(self, key: str, data: bytes | Iterable[bytes]) -> Artifact:
        """Store an object, replacing any older one; once this returns, a power cut does not lose it."""
        ...

    def get(self, key: str) -> bytes:
        """Return an object; NotFound if there is none."""
        ...

    def open(self, key: str) -> BinaryIO:
        """Open an object for reading; NotFound if there is none."""
        ...

    def stream(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield an object's bytes from `start` in chunks of at most 64 KiB; NotFound if there is none."""
        ...

    def size(self, key: str) -> int:
        """Return the length of an object's content in bytes; NotFound if there is none."""
        ...

    def exists(self, key: str) -> bool:
        """Say whether there is such an object."""
        ...

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """Yield every object below the folder `prefix`; those of one folder come together.

        The sizes are computed, not read: that of a damaged object may be wrong.
        """
        ...

    def delete_prefix(self, prefix: str) -> int:
        """Delete the object `prefix`, or every object below it; return how many."""
        ...

    def tidy(self, before: datetime) -> int:
        """Delete what writers that were killed before then left half written; return how many."""
        ...


class Blob(Protocol):
    """One version of a blob, open for reading: what is written under its key meanwhile does not show."""

    @property
    def size_bytes(self) -> int:
        """Its length."""
        ...

    @property
    def window_bytes(self) -> int:
        """How much is best asked for at once: a multiple of 64 KiB, and small enough for memory."""
        ...

    def read(self, start: int, length: int) -> bytes:
        """Return that part of it; less only where the blob ends."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Blobs(Protocol):
    """Bytes under keys that were checked before: what a kind of storage must offer, and no more.

    Every method raises StorageFailure when the storage fails.
    """

    def write(self, key: str, parts: Iterator[bytes]) -> None:
        """Keep a blob whole and for good, or not at all, also when `parts` raises."""
        ...

    def open(self, key: str, tail_bytes: int) -> Blob:
        """Open a blob whose last `tail_bytes` will be read first; NotFound if there is none."""
        ...

    def exists(self, key: str) -> bool:
        """Say whether there is such a blob."""
        ...

    def list(self, prefix: str) -> Iterator[Stored]:
        """Yield the blobs below the folder `prefix`, all of them if it is empty; folder by folder."""
        ...

    def delete_prefix(self, prefix: str) -> int:
        """Delete the blob `prefix`, and every blob below it; return how many."""
        ...

    def tidy(self, before: datetime) -> int:
        """Delete what writers that were killed before then left; return how many."""
        ...
