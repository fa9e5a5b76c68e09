"""Engines by name: how they are written, and what is said of one that is not installed."""

from __future__ import annotations

import importlib.util

import pytest

from services.shared.config import Settings
from services.shared.engines import EngineSpec, Reference, load_engine, references, table
from services.shared.errors import Misconfigured

ENGINES = table(
    EngineSpec("light", "no.module", ("pytest", "no_such_package"), "lite", "Not installed."),
    EngineSpec("heavy", "no.module", ("torch", "no_such_package"), "extra", "On PyTorch."),
)


@pytest.fixture(autouse=True)
def _without_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else found(name))


def refused(wanted: str) -> Misconfigured:
    with pytest.raises(Misconfigured) as caught:
        load_engine("room", ENGINES, Reference(wanted), Settings())
    return caught.value


def test_what_is_missing_is_named_with_the_file_that_brings_it() -> None:
    error = refused("light")
    assert error.code == "missing_package"
    assert error.detail.endswith("needs no_such_package: pip install -r requirements/lite.txt.")


def test_pytorch_is_brought_by_a_file_of_its_own_for_each_kind_of_machine() -> None:
    files = "-r requirements/torch-cpu.txt -r requirements/extra.txt (torch-cuda.txt for a GPU)."
    assert refused("heavy").detail.endswith(f"needs torch, no_such_package: pip install {files}")


def test_an_unknown_engine_is_refused_with_those_that_there_are() -> None:
    error = refused("none")
    assert error.code == "unknown_engine"
    assert "DRAGOMAN_ROOM_ENGINES takes heavy, light." in error.detail


def test_a_list_is_read_in_its_order_and_written_as_it_was() -> None:
    found = references(" light , heavy:owner/name,heavy:/a:b ")
    assert found == (Reference("light"), Reference("heavy", "owner/name"), Reference("heavy", "/a:b"))
    assert [str(each) for each in found] == ["light", "heavy:owner/name", "heavy:/a:b"]


@pytest.mark.parametrize(("text", "code"), [(" , ", "no_engine"), ("light,light", "engine_twice")])
def test_a_list_of_none_or_of_one_twice_is_refused(text: str, code: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        references(text)
    assert caught.value.code == code
