"""What is installed is pinned and hashed, from wherever the installer is told to look."""

from __future__ import annotations

import re

import pytest

from tests.architecture.tree import texts

FILES = {path.name: text for path, text in texts().items() if path.parts[0] == "requirements"}
PINNED = {name: text for name, text in FILES.items() if name.endswith(".txt")}
WISHED = {name: text for name, text in FILES.items() if name.endswith(".in")}
PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[a-z,]+\])?==\S+( ; [^#]+?)?(\s+--hash=sha256:[0-9a-f]{64})+")
NAME = re.compile(r"[A-Za-z0-9._-]+")


def statements(text: str) -> list[str]:
    """Return a requirements file's lines without comments, continued lines joined."""
    joined = re.sub(r"\\\n", " ", text)
    lines = (line.partition(" #")[0].strip() for line in joined.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def canonical(name: str) -> str:
    """Return the one spelling of a project's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def names(text: str) -> set[str]:
    found = (NAME.match(line) for line in statements(text) if not line.startswith("-"))
    return {canonical(match.group()) for match in found if match}


@pytest.mark.parametrize("file", PINNED)
def test_every_line_is_one_version_with_its_hashes(file: str) -> None:
    assert [line for line in statements(PINNED[file]) if not PIN.fullmatch(line)] == []


@pytest.mark.parametrize("file", WISHED)
def test_whatever_is_wished_for_is_pinned(file: str) -> None:
    assert names(WISHED[file]) - names(PINNED[file.replace(".in", ".txt")]) == set()


@pytest.mark.parametrize("file", FILES)
def test_no_file_says_where_to_install_from(file: str) -> None:
    assert [line for line in statements(FILES[file]) if "://" in line or re.match(r"-(?!r )", line)] == []


def test_one_version_of_a_package_in_all_files() -> None:
    versions: dict[str, set[str]] = {}
    for text in PINNED.values():
        for line in statements(text):
            # A label such as +cpu says how the same version was built.
            versions.setdefault(line.partition("==")[0], set()).add(line.split()[0].partition("+")[0])
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}
