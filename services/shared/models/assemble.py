"""Makes a model's folder out of downloaded archives; every file's hash is checked as it is written."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Final

from services.shared.errors import Misconfigured
from services.shared.models.manifest import File, Model

_CHUNK_BYTES: Final = 1 << 20
_Reader = Callable[[str], IO[bytes]]


def assemble(model: Model, archives: Mapping[str, Path], folder: Path) -> None:
    """Write the model's files into `folder`, which appears only when it is whole.

    Only members that the manifest names are read, and they are written where the manifest says;
    an archive's own paths are never followed.

    Args:
        model: What to make.
        archives: Where the model's archives lie, by their names in the manifest.
        folder: The model's folder; one that is there is replaced.

    Raises:
        Misconfigured: a member is missing, or a file's hash is wrong (wrong_hash).
    """
    work = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(work, ignore_errors=True)
    try:
        with ExitStack() as stack:
            readers = {name: _reader(archives[name], stack) for name in sorted(model.archives())}
            for file in model.files:
                _write(file, readers, work / file.path)
        shutil.rmtree(folder, ignore_errors=True)
        work.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _reader(path: Path, stack: ExitStack) -> _Reader:
    if zipfile.is_zipfile(path):
        return stack.enter_context(zipfile.ZipFile(path)).open
    tar = stack.enter_context(tarfile.open(path))  # noqa: SIM115 - the stack closes it
    return lambda member: _extract(tar, member)


def _extract(tar: tarfile.TarFile, member: str) -> IO[bytes]:
    info = tar.getmember(member)
    stream = tar.extractfile(info) if info.isreg() else None  # a link could lead anywhere
    if stream is None:
        raise KeyError(member)
    return stream


def _write(file: File, readers: Mapping[str, _Reader], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, size_bytes = hashlib.sha256(), 0
    with path.open("wb") as out:
        for chunk in _chunks(file, readers):
            digest.update(chunk)
            size_bytes += out.write(chunk)
            if size_bytes > file.size_bytes:  # an archive that unpacks without end
                break
    if digest.hexdigest() != file.sha256:
        raise Misconfigured(f"{file.path} does not have the hash that the manifest names.", code="wrong_hash")


def _chunks(file: File, readers: Mapping[str, _Reader]) -> Iterator[bytes]:
    for archive, member in file.members():
        try:
            stream = readers[archive](member)
        except KeyError:
            raise Misconfigured(f"The archive {archive} has no {member}.", code="wrong_hash") from None
        with stream:
            while chunk := stream.read(_CHUNK_BYTES):
                yield chunk
