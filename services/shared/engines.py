"""Tables of engines: a room's settings name one, and only that one is imported."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.shared.config import Settings
from services.shared.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """How to get an engine.

    Attributes:
        name: What the room's setting DRAGOMAN_<ROOM>_ENGINE calls it.
        module: Has `load(settings)`; imported only when chosen, for it imports the engine's packages.
        packages: Import names that must be installed.
        extra: Name of the requirements file that brings them.
        description: One line for people.
    """

    name: str
    module: str
    packages: tuple[str, ...]
    extra: str
    description: str


def table(*specs: EngineSpec) -> Mapping[str, EngineSpec]:
    """Return engines by name."""
    return {spec.name: spec for spec in specs}


def load_engine(room: str, engines: Mapping[str, EngineSpec], name: str, settings: Settings) -> Any:
    """Load the engine of a room that has this name.

    Raises:
        Misconfigured: there is no such engine (unknown_engine), its packages are not installed
            (missing_package), or its model is not there.
    """
    spec = engines.get(name)
    if spec is None:
        raise Misconfigured(
            f"There is no {room} engine of that name; DRAGOMAN_{room.upper()}_ENGINE takes "
            f"{', '.join(sorted(engines))}.",
            code="unknown_engine",
        )
    missing = [package for package in spec.packages if importlib.util.find_spec(package) is None]
    if missing:
        raise Misconfigured(
            f"The {room} engine {name} needs {', '.join(missing)}: run make setup, or "
            f"pip install -r requirements/{spec.extra}.txt.",
            code="missing_package",
        )
    return importlib.import_module(spec.module).load(settings)
