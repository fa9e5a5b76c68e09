"""How API keys look, and how the administrator's is made and kept."""

from __future__ import annotations

import contextlib
import os
import secrets
import string
import sys
import zlib
from pathlib import Path
from typing import Final

from services.shared.errors import Misconfigured

_PREFIX: Final = "dgm_"
_RANDOM_BYTES: Final = 32
_DIGITS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_DIGITS: Final = 43  # 62 ** 43 is the first power above 256 ** 32
_CHECK_DIGITS: Final = 6  # 62 ** 6 is the first above 2 ** 32


def new_key() -> str:
    """Return a fresh key: a prefix that scanners for leaked secrets know, 256 random bits, a checksum."""
    body = _base62(int.from_bytes(secrets.token_bytes(_RANDOM_BYTES)), _RANDOM_DIGITS)
    return f"{_PREFIX}{body}{_checksum(body)}"


def is_well_formed(key: str) -> bool:
    """Say whether a string is a key and not a mistyped one; not whether it opens anything."""
    body, check = key[len(_PREFIX) : -_CHECK_DIGITS], key[-_CHECK_DIGITS:]
    return key.startswith(_PREFIX) and len(body) == _RANDOM_DIGITS and check == _checksum(body)


def ensure_admin_key(file: Path) -> str:
    """Return the key in `file`; make it first when there is none.

    Two processes that start at once end up with the same key.

    Raises:
        Misconfigured: the file holds something else, or cannot be read.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        _write_once(file)
    try:
        key = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        key = ""
    if not is_well_formed(key):
        raise Misconfigured(
            f"{file} holds no API key that can be read: delete it, and the next start makes a new one."
        )
    return key


def _write_once(file: Path) -> None:
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as out:
            out.write(new_key() + "\n")
        # A link, because a rename would replace the key that another process has just made.
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
    finally:
        draft.unlink()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECK_DIGITS)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


if __name__ == "__main__":
    # For installations that keep the administrator's key as a secret of their platform.
    sys.stdout.write(new_key() + "\n")
