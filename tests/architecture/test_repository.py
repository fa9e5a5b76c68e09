"""Nothing in the checkout belongs to one machine, one person or one day."""

from __future__ import annotations

import re
from pathlib import Path

from tests.architecture.tree import ROOT, matches


def test_no_registry_is_named() -> None:
    """Which registry serves a package is the business of the machine that installs."""
    names = ("pypi", "pythonhosted", "npmjs", "yarnpkg", "conda", "huggingface")
    assert matches(rf"\b({'|'.join(names)})" + r"\.(org|com|co|io|cloud)\b") == []


def test_no_path_of_a_machine_is_written_down() -> None:
    homes = rf"(?<![\w.~])/(root|Users|home/\w+|{'wo'}rk)/"
    here = {re.escape(str(path)) for path in (ROOT, Path.home()) if len(path.parts) > 1}
    assert matches("|".join([homes, *(rf"{each}\b" for each in here)])) == []


def test_no_person_is_addressed() -> None:
    addresses = matches(r"[\w.+-]+@(?!([\w-]+\.)*example\.)(\w[\w-]*\.)+[A-Za-z]{2,}\b")
    assert addresses == []


def test_nothing_is_left_to_do() -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")
    assert matches(rf"\b({'|'.join(marks)})\b") == []
