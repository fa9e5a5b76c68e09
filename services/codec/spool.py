"""Files without a name: what a caller sends, what is decoded and what is encoded vanish with the process."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedRandom, FileIO
from typing import TYPE_CHECKING, BinaryIO

from services.shared.errors import StorageFailure

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


def spool() -> BinaryIO:
    """Open an empty file that no folder lists, for writing and reading; it is gone once closed.

    Opening, writing, flushing and closing it raise StorageFailure as `storing` does.
    """
    with storing(), tempfile.TemporaryFile(buffering=0) as made:
        return _Spool(os.dup(made.fileno()))


@contextmanager
def storing() -> Iterator[None]:
    """Give whatever the operating system refuses, above all a full disk, one name.

    Raises:
        StorageFailure: code spool_failed.
    """
    try:
        yield
    except OSError as error:
        raise StorageFailure(
            "Temporary audio could not be stored; make room on the disk that TMPDIR points to.",
            code="spool_failed",
        ) from error


class _Spool(BufferedRandom):
    def __init__(self, file: int) -> None:
        # FileIO would warn of what nobody closed. A result whose caller went away just as it was done is
        # nobody's, which is worth no warning.
        super().__init__(FileIO(file, "rb+", closefd=False))
        self._release = weakref.finalize(self, os.close, file)

    def write(self, data: ReadableBuffer, /) -> int:
        with storing():
            return super().write(data)

    def flush(self) -> None:  # Closing calls it, too.
        with storing():
            super().flush()

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._release()
