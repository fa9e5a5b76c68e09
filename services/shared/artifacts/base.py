"""The artifact store: where audio and text live, so that messages carry only references."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class Artifact:
    """A stored object.

    Attributes:
        key: Slash-separated path below the store, such as "default/job_0192.../upload".
        size_bytes: Length.
        sha256: Hex digest of the content.
    """

    key: str
    size_bytes: int
    sha256: str


class ArtifactStore(Protocol):
    """Objects under keys. A key's content appears whole or not at all.

    Every method raises StorageFailure when the store itself fails, and InvalidRequest
    (code invalid_key) for a key that is not a plain relative path.
    """

    def put(self, key: str, data: bytes | Iterable[bytes]) -> Artifact:
        """Store an object, replacing any older one."""
        ...

    def get(self, key: str) -> bytes:
        """Return an object; NotFound if there is none."""
        ...

    def open(self, key: str) -> BinaryIO:
        """Open an object for reading; NotFound if there is none."""
        ...

    def stream(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield an object's bytes from `start` in chunks; NotFound if there is none."""
        ...

    def size(self, key: str) -> int:
        """Return an object's length in bytes; NotFound if there is none."""
        ...

    def exists(self, key: str) -> bool:
        """Say whether there is such an object."""
        ...

    def delete_prefix(self, prefix: str) -> int:
        """Delete the object `prefix`, or every object below it; return how many."""
        ...
