"""What a test needs and a machine may lack: skipped aloud there, an error in CI."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def absent(what: str) -> NoReturn:
    """Skip the test, saying what is missing; fail where CI runs, which must have it."""
    if os.environ.get("CI"):
        pytest.fail(f"CI must have this: {what}")
    pytest.skip(f"NOT TESTED: {what}")
