"""Files without a name: what a caller sends, what is decoded and what is encoded vanish with the process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from services.shared.errors import StorageFailure


def spool() -> BinaryIO:
    """Open an empty file that no folder lists, for writing and reading; it is gone once closed."""
    with storing():
        file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    return file


@contextmanager
def storing() -> Iterator[None]:
    """Call whatever the operating system refuses, above all a full disk, by one name.

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
