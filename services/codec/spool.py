"""Files without a name: what a caller sends, what is decoded and what is encoded vanish with the process."""

from __future__ import annotations

import tempfile
from typing import BinaryIO


def spool() -> BinaryIO:
    """Open an empty file that no folder lists, for writing and reading; it is gone once closed."""
    file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    return file
