"""Every failure has a class, a stable code and a place in the tree that the module draws."""

from __future__ import annotations

import re

import pytest

from services.shared import errors
from services.shared.errors import DragomanError, InternalError, by_family, tree
from services.shared.rpc.wire import STATUS

TREE = [cls for cls in tree() if cls.__module__ == errors.__name__]


def drawn() -> dict[str, str]:
    """Return each class that the module's docstring draws, with its parent."""
    parents: dict[str, str] = {}
    stack: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"([│├└─\s]*)([A-Z]\w+)(?:\s{2,}|$)", line)
        if found and (found[1] or found[2] == "DragomanError"):
            depth = len(found[1])
            stack = [(d, name) for d, name in stack if d < depth]
            parents[found[2]] = stack[-1][1] if stack else ""
            stack.append((depth, found[2]))
    return parents


def test_the_docstring_draws_the_whole_tree() -> None:
    real = {cls.__name__: cls.__base__.__name__ for cls in TREE if cls.__base__ is not None}
    assert drawn() == real | {"DragomanError": ""}


def test_the_docstring_marks_what_is_retryable() -> None:
    for line in (errors.__doc__ or "").splitlines():
        found = re.search(r"[├└]── (\w+)", line)
        if found:
            assert ("(retryable" in line) == getattr(errors, found[1]).retryable, line


def test_families_are_unique_and_stable_in_form() -> None:
    families = [cls.family for cls in TREE]
    assert len(set(families)) == len(families)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", family) for family in families)


@pytest.mark.parametrize("cls", TREE, ids=lambda cls: cls.family)
def test_every_error_can_be_found_by_its_family_and_has_a_status(cls: type[DragomanError]) -> None:
    assert by_family(cls.family) is cls
    assert cls in STATUS
    assert cls.__doc__


def test_a_family_from_a_newer_version_is_an_internal_error() -> None:
    assert by_family("quantum_failure") is InternalError


def test_an_error_carries_its_detail_and_the_code_of_its_family_or_a_narrower_one() -> None:
    plain = errors.InvalidMedia("The file is empty; send another.")
    narrow = errors.InvalidMedia("The file is empty; send another.", code="empty_file")
    assert (plain.code, narrow.code) == ("invalid_media", "empty_file")
    assert str(plain) == plain.detail == "The file is empty; send another."


def test_parents_come_before_their_children() -> None:
    for position, cls in enumerate(TREE[1:], start=1):
        assert cls.__base__ in TREE[:position]


def test_what_the_caller_must_change_is_never_retryable() -> None:
    assert not any(cls.retryable for cls in TREE if issubclass(cls, errors.InvalidRequest))
