"""Tables of engines: a room's settings name some of them, and only those are imported."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.shared.config import Settings
from services.shared.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Model:
    """Which weights are at work.

    Attributes:
        name: In the model manifest or on a hub; a local folder's own name; the engine's without weights.
        revision: Changes whenever the output may change.
        sha256: Of the weights, see services.shared.models.places; empty without weights.
        size_bytes: Of the weights; 0 without.
    """

    name: str
    revision: str
    sha256: str = ""
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Reference:
    """An engine and what it is to load, as settings and people write it: "engine" or "engine:model".

    Attributes:
        engine: Name in the room's table of engines.
        model: A model of the manifest, a local folder, or owner/name of a hub's model that was pulled; for
            some engines something else. Empty for the engine's own default.
    """

    engine: str
    model: str = ""

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.engine}:{self.model}" if self.model else self.engine


def reference(text: str) -> Reference:
    """Read a reference."""
    engine, _, model = text.strip().partition(":")
    return Reference(engine, model)


def references(text: str) -> tuple[Reference, ...]:
    """Read a list of references, parted by commas, in order of preference.

    Raises:
        Misconfigured: there is none (no_engine), or one stands there twice (engine_twice).
    """
    found = tuple(reference(each) for each in text.split(",") if each.strip())
    if not found:
        raise Misconfigured("At least one engine must be named.", code="no_engine")
    if len(set(found)) < len(found):
        raise Misconfigured("An engine with the same model is named twice.", code="engine_twice")
    return found


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """How to get an engine.

    Attributes:
        name: What the room's setting DRAGOMAN_<ROOM>_ENGINES calls it.
        module: Has `load(settings, model)`, where `model` is a Reference's; imported only when chosen, for it
            imports the engine's packages.
        packages: Import names that must be installed.
        extra: Name of the requirements file that brings them.
        description: One line for people.
        weights: Whether a reference's model is a place of weights, see services.shared.models.places.
    """

    name: str
    module: str
    packages: tuple[str, ...]
    extra: str
    description: str
    weights: bool = True

    @property
    def missing(self) -> tuple[str, ...]:
        """The import names of packages that are not installed."""
        return tuple(package for package in self.packages if importlib.util.find_spec(package) is None)

    @property
    def remedy(self) -> str:
        """How the missing packages get here; PyTorch has a file of its own for each kind of machine."""
        files = (*(("torch-cpu",) if "torch" in self.missing else ()), self.extra)
        told = " ".join(f"-r requirements/{file}.txt" for file in files)
        gpu = " (torch-cuda.txt for a GPU)" if "torch" in self.missing else ""
        return f"{', '.join(self.missing)}: pip install {told}{gpu}."


def table(*specs: EngineSpec) -> Mapping[str, EngineSpec]:
    """Return engines by name."""
    return {spec.name: spec for spec in specs}


def load_engine(room: str, engines: Mapping[str, EngineSpec], wanted: Reference, settings: Settings) -> Any:
    """Load an engine of a room.

    Raises:
        Misconfigured: there is no such engine (unknown_engine), its packages are not installed
            (missing_package), or its model is not there.
    """
    spec = engines.get(wanted.engine)
    if spec is None:
        raise Misconfigured(
            f"There is no {room} engine of that name; DRAGOMAN_{room.upper()}_ENGINES takes "
            f"{', '.join(sorted(engines))}.",
            code="unknown_engine",
        )
    if spec.missing:
        raise Misconfigured(f"The {room} engine {spec.name} needs {spec.remedy}", code="missing_package")
    return importlib.import_module(spec.module).load(settings, wanted.model)
