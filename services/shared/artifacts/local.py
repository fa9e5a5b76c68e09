"""Artifacts in a local folder, which several processes share."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from services.shared.artifacts.base import Stored
from services.shared.artifacts.sealed import Artifacts
from services.shared.errors import NotFound, StorageFailure

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# No key begins with a dot, so a file that is still being written is never taken for a blob.
_UNFINISHED: Final = "."
# How often a folder is deleted while others write into it, before that is an error.
_REMOVALS: Final = 20


class LocalArtifacts(Artifacts):
    """Objects as sealed files below one folder.

    Args:
        folder: Created when missing.
        reserve_bytes: Space on the disk that is left free: an object that would use it is not stored.
    """

    def __init__(self, folder: Path, reserve_bytes: int = 0) -> None:
        self._objects = folder / "objects"
        super().__init__(LocalBlobs(self._objects, reserve_bytes))


class LocalBlobs:
    """Blobs as files below one folder; services.shared.artifacts.base.Blobs says what it promises.

    Args:
        folder: Created when missing.
        reserve_bytes: Space on the disk that is left free.
    """

    def __init__(self, folder: Path, reserve_bytes: int = 0) -> None:
        self._folder = folder
        self._reserve_bytes = reserve_bytes
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for each in missing:
            _sync(each.parent)

    def write(self, key: str, parts: Iterator[bytes]) -> None:
        """Write beside, then rename, so that a reader never sees half a blob."""
        target = self._folder / key
        with _failures():
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Beside the target, so that what a killed process leaves goes when its job is deleted.
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=_UNFINISHED)
            staged = Path(name)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.writelines(self._while_space(parts))
                    file.flush()
                    os.fsync(file.fileno())
                staged.replace(target)
            finally:
                staged.unlink(missing_ok=True)
            self._sync_path(target.parent)

    def _while_space(self, parts: Iterator[bytes]) -> Iterator[bytes]:
        for part in parts:
            if self._reserve_bytes and shutil.disk_usage(self._folder).free < self._reserve_bytes + len(part):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            yield part

    def open(self, key: str, tail_bytes: int) -> OpenFile:
        """Open a file for reading; its last bytes cost no more than others."""
        del tail_bytes
        path = self._folder / key
        with _failures(key):
            if not path.is_file():
                raise FileNotFoundError
            return OpenFile(path)

    def exists(self, key: str) -> bool:
        """Say whether there is such a file."""
        with _failures():
            return (self._folder / key).is_file()

    def list(self, prefix: str) -> Iterator[Stored]:
        """Yield the files below a folder; those that go meanwhile may be left out."""
        with _failures():
            for path in _files(self._folder / prefix):
                with suppress(FileNotFoundError):
                    status = path.stat()
                    modified_at = datetime.fromtimestamp(status.st_mtime, UTC)
                    yield Stored(path.relative_to(self._folder).as_posix(), status.st_size, modified_at)

    def delete_prefix(self, prefix: str) -> int:
        """Delete a folder, or one file."""
        path = self._folder / prefix
        with _failures():
            if path.is_file():
                path.unlink(missing_ok=True)
                return 1
            if not path.is_dir():
                return 0
            count = sum(1 for _ in _files(path))
            _remove(path)
        return count

    def tidy(self, before: datetime) -> int:
        """Delete unfinished files that nobody has written to since; empty folders too, which do not count."""
        count = 0
        with _failures():
            for folder, _, names in os.walk(self._folder, topdown=False):
                # First, because a deletion makes the folder look new.
                idle = _older(Path(folder), before)
                for path in (Path(folder, name) for name in names if name.startswith(_UNFINISHED)):
                    if _older(path, before):
                        path.unlink(missing_ok=True)
                        count += 1
                if idle and Path(folder) != self._folder:
                    with suppress(OSError):
                        Path(folder).rmdir()
        return count

    def _sync_path(self, folder: Path) -> None:
        """Keep the names of all folders on the way: another process may have made one just now."""
        while folder != self._folder:
            _sync(folder)
            folder = folder.parent
        _sync(folder)


class OpenFile:
    """A file that is open for reading, also after another one took its place.

    Args:
        path: Where it is.
    """

    window_bytes: Final = 64 * 1024

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self.size_bytes = os.fstat(self._file.fileno()).st_size

    def read(self, start: int, length: int) -> bytes:
        """Return that part of it."""
        with _failures():
            return os.pread(self._file.fileno(), length, start)

    def close(self) -> None:
        """Let go of it."""
        self._file.close()


def _files(folder: Path) -> Iterator[Path]:
    """Yield every finished file below a folder."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(place, name) for name in sorted(names) if not name.startswith(_UNFINISHED))


def _remove(folder: Path) -> None:
    """Delete a folder into which others may still write."""
    for left in reversed(range(_REMOVALS)):
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            # Gone, or something in it went while we looked.
            if not folder.exists():
                return
        except OSError as error:
            if error.errno != errno.ENOTEMPTY or not left:
                raise
        else:
            return


def _older(path: Path, before: datetime) -> bool:
    try:
        return path.stat().st_mtime < before.timestamp()
    except FileNotFoundError:
        return False


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _failures(key: str | None = None) -> Iterator[None]:
    """Translate what the disk says; what is missing is NotFound only for a reader, who names the key."""
    try:
        yield
    except OSError as error:
        if key is not None and isinstance(error, FileNotFoundError):
            raise NotFound(f"There is no artifact {key}.", code="artifact_not_found") from None
        if error.errno in _FULL:
            raise StorageFailure(
                "Free space on the artifact disk (or raise its quota); the job goes on by itself.",
                code="storage_full",
            ) from error
        raise StorageFailure(
            f"The artifact store failed ({error.strerror}); free space or mend the disk, then try again."
        ) from error
