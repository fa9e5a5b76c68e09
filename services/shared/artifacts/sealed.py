"""Artifacts in any kind of storage: keys are checked, what goes in is sealed, what comes out verified."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, BinaryIO, Final

from services.shared import telemetry
from services.shared.artifacts.base import Artifact, Blobs, Stored
from services.shared.artifacts.seal import (
    BLOCK_BYTES,
    FOOTER_BYTES,
    Sealing,
    Unsealing,
    content_bytes,
)
from services.shared.errors import InvalidRequest

# No name begins with a dot, so that nothing is hidden and nothing leads up; 255 is what disks hold.
_KEY: Final = re.compile(r"(?!.*(^|/)\.)[A-Za-z0-9._\-]{1,255}(/[A-Za-z0-9._\-]{1,255})*")
# Holds all of a small object; of a large one, the checksums of 1 GiB.
_TAIL_BYTES: Final = BLOCK_BYTES
_BUFFER_BYTES: Final = 16 * BLOCK_BYTES


class Artifacts:
    """Sealed objects in some storage; services.shared.artifacts.base.ArtifactStore says what it promises.

    Args:
        blobs: The storage.
    """

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def put(self, key: str, data: bytes | Iterable[bytes]) -> Artifact:
        """Store an object, one part in memory at a time."""
        sealing = Sealing((data,) if isinstance(data, bytes) else data)
        with telemetry.span("artifact write", attributes=_named(key)):
            self._blobs.write(_checked(key), iter(sealing))
            telemetry.mark({"dragoman.bytes": sealing.size_bytes})
        return Artifact(key, sealing.size_bytes, sealing.digest.hexdigest())

    def get(self, key: str) -> bytes:
        """Return an object."""
        return b"".join(self.stream(key))

    def open(self, key: str) -> BinaryIO:
        """Open an object for reading."""
        blob = self._blobs.open(_checked(key), _TAIL_BYTES)
        try:
            return io.BufferedReader(_File(Unsealing(blob, key), blob.close), _BUFFER_BYTES)
        except BaseException:
            blob.close()
            raise

    def stream(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield an object's bytes from `start`."""
        with self._unsealing(key, _TAIL_BYTES) as content:
            yield from content.read(start, sys.maxsize if length is None else length)

    def size(self, key: str) -> int:
        """Return the length of an object's content in bytes."""
        with self._unsealing(key, FOOTER_BYTES) as content:
            return content.size_bytes

    def exists(self, key: str) -> bool:
        """Say whether there is such an object."""
        return self._blobs.exists(_checked(key))

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """Yield every object below a folder."""
        folder = _checked(prefix.rstrip("/")) if prefix else ""
        for blob in self._blobs.list(folder):
            # What somebody else put there is no object of ours.
            if _KEY.fullmatch(blob.key):
                yield replace(blob, size_bytes=content_bytes(blob.size_bytes))

    def delete_prefix(self, prefix: str) -> int:
        """Delete a folder of objects, or one object."""
        return self._blobs.delete_prefix(_checked(prefix.rstrip("/")))

    def tidy(self, before: datetime) -> int:
        """Delete what killed writers left."""
        return self._blobs.tidy(before)

    @contextmanager
    def _unsealing(self, key: str, tail_bytes: int) -> Iterator[Unsealing]:
        with _reading(key), closing(self._blobs.open(_checked(key), tail_bytes)) as blob:
            yield Unsealing(blob, key)


class _File(io.RawIOBase):
    """An object as a file: what the standard library's readers of audio ask for."""

    def __init__(self, content: Unsealing, release: Callable[[], None]) -> None:
        self._content = content
        self._release = release
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._content.size_bytes}[whence]
        self._at = max(0, origin + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        piece = b"".join(self._content.read(self._at, len(buffer)))
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._release()
        super().close()


@contextmanager
def _reading(key: str) -> Iterator[None]:
    """Trace a reading, whose reader does other things between two pieces."""
    begun = telemetry.begin("artifact read", attributes=_named(key))
    error = ""
    try:
        yield
    except GeneratorExit:  # read as far as was wanted
        raise
    except BaseException as raised:
        error = type(raised).__name__
        raise
    finally:
        telemetry.end(begun, error)


def _named(key: str) -> dict[str, str]:
    # The last part is a name of ours, such as "speech.wav"; what comes before names the tenant.
    return {"dragoman.artifact": key.rpartition("/")[2]}


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise InvalidRequest("An artifact key is a plain relative path.", code="invalid_key")
    return key
