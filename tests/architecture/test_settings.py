"""The environment is read in one place, and every variable that is spoken of exists."""

from __future__ import annotations

import ast
import importlib
import re

import pytest

from services.shared.config import Settings
from tests.architecture.tree import ROOT, Module, modules, texts

VARIABLE = re.compile(r"\bDRAGOMAN_[A-Z0-9_]*[A-Z0-9]\b")

HOMES = {"settings.py", "config.py"}

# Who else may touch the environment, and why.
READERS = {
    "services.shared.config": "reads it",
    "services.shared.surroundings": "settles what libraries find there",
    "services.cli.stack.embedded": "hands it on to the processes it starts",
}


def kinds() -> list[type[Settings]]:
    """Return the product's settings classes."""
    owners = [importlib.import_module(each.name) for each in modules("services") if each.path.name in HOMES]
    found = {value for owner in owners for value in vars(owner).values() if isinstance(value, type)}
    return sorted((kind for kind in found if issubclass(kind, Settings)), key=lambda kind: kind.__name__)


KINDS = kinds()


def variables() -> set[str]:
    return {f"DRAGOMAN_{name.upper()}" for kind in KINDS for name in kind.model_fields}


def touches_environment(module: Module) -> bool:
    for node in ast.walk(module.syntax):
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv", "putenv"}:
            return True
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            return any(name.name in {"environ", "getenv"} for name in node.names)
    return False


def test_only_the_settings_read_the_environment() -> None:
    every = (*modules("services"), *modules("dragoman"))
    touching = {module.name for module in every if touches_environment(module)}
    assert touching - set(READERS) == set()


def test_every_variable_that_is_spoken_of_exists() -> None:
    # Those of the compose file and of the build of images are no settings; they have a page of their own.
    composed = set(VARIABLE.findall((ROOT / ".env.example").read_text()))
    known = variables() | composed
    spoken = {
        f"{path}: {name}"
        for path, text in texts().items()
        if path.parts[0] != "tests"
        for name in VARIABLE.findall(text)
        if name not in known
    }
    assert spoken == set()


def test_every_variable_is_documented() -> None:
    pages = [text for path, text in texts().items() if path.suffix == ".md"]
    assert variables() - {name for page in pages for name in VARIABLE.findall(page)} == set()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_setting_describes_itself(kind: type[Settings]) -> None:
    assert [name for name, field in kind.model_fields.items() if not field.description] == []
