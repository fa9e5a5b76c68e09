"""The artifact store in a local folder, which several processes share."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from services.shared.artifacts.base import Artifact
from services.shared.errors import InvalidRequest, NotFound, StorageFailure

_CHUNK_BYTES: Final = 64 * 1024
# No name begins with a dot, so that nothing is hidden and nothing leads up; 255 is what disks hold.
_KEY: Final = re.compile(r"(?!.*(^|/)\.)[A-Za-z0-9._\-]{1,255}(/[A-Za-z0-9._\-]{1,255})*")


class LocalArtifacts:
    """Objects as files below one folder.

    Args:
        folder: Created when missing.
    """

    def __init__(self, folder: Path) -> None:
        self._objects = folder / "objects"
        self._objects.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put(self, key: str, data: bytes | Iterable[bytes]) -> Artifact:
        """Write beside, then rename, so that a reader never sees half an object."""
        target = self._path(key)
        digest, size_bytes = hashlib.sha256(), 0
        with _failures(key):
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Beside the target, so that what a killed process leaves goes when its job is deleted;
            # no key begins with a dot.
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=".")
            staged = Path(name)
            try:
                with os.fdopen(handle, "wb") as file:
                    for chunk in (data,) if isinstance(data, bytes) else data:
                        file.write(chunk)
                        digest.update(chunk)
                        size_bytes += len(chunk)
                    file.flush()
                    os.fsync(file.fileno())
                staged.replace(target)
            finally:
                staged.unlink(missing_ok=True)
        return Artifact(key, size_bytes, digest.hexdigest())

    def get(self, key: str) -> bytes:
        """Return an object."""
        with self.open(key) as file, _failures(key):
            return file.read()

    def open(self, key: str) -> BinaryIO:
        """Open an object for reading."""
        with _failures(key):
            return self._existing(key).open("rb")

    def stream(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield an object's bytes from `start` in chunks of 64 KiB."""
        with self.open(key) as file, _failures(key):
            file.seek(start)
            left = length if length is not None else self.size(key)
            while left > 0 and (chunk := file.read(min(_CHUNK_BYTES, left))):
                left -= len(chunk)
                yield chunk

    def size(self, key: str) -> int:
        """Return an object's length in bytes."""
        with _failures(key):
            return self._existing(key).stat().st_size

    def exists(self, key: str) -> bool:
        """Say whether there is such an object."""
        with _failures(key):
            return self._path(key).is_file()

    def delete_prefix(self, prefix: str) -> int:
        """Delete a folder of objects, or one object."""
        path = self._path(prefix.rstrip("/"))
        with _failures(prefix):
            if path.is_file():
                path.unlink(missing_ok=True)
                return 1
            if not path.is_dir():
                return 0
            count = sum(1 for each in path.rglob("*") if each.is_file())
            with suppress(FileNotFoundError):
                shutil.rmtree(path)
        return count

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise InvalidRequest("An artifact key is a plain relative path.", code="invalid_key")
        return self._objects / key

    def _existing(self, key: str) -> Path:
        path = self._path(key)
        if not path.is_file():
            raise FileNotFoundError
        return path


@contextmanager
def _failures(key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise NotFound(f"There is no artifact {key}.", code="artifact_not_found") from None
    except OSError as error:
        raise StorageFailure(
            f"The artifact store failed ({error.strerror}); free space or mend the disk, then try again."
        ) from error
