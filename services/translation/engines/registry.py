"""The translation engines by name."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from services.shared.config import Settings
from services.shared.errors import Misconfigured
from services.translation.engines.base import TranslationEngine


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """How to get an engine.

    Attributes:
        name: Value of DRAGOMAN_TRANSLATION_ENGINE.
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


ENGINES: Final[Mapping[str, EngineSpec]] = {
    spec.name: spec
    for spec in (
        EngineSpec(
            "fxtranslate",
            "services.translation.engines.fxtranslate",
            ("fxtranslate",),
            "lite",
            "Firefox Translations, int8: en <-> pt.",
        ),
        EngineSpec("fake", "services.translation.engines.fake", (), "", "Marks every word; no model."),
    )
}


def create(name: str, settings: Settings) -> TranslationEngine:
    """Load an engine.

    Raises:
        Misconfigured: there is no such engine (unknown_engine), its packages are not installed
            (missing_package), or its model is not there.
    """
    spec = ENGINES.get(name)
    if spec is None:
        known = ", ".join(sorted(ENGINES))
        raise Misconfigured(
            f"There is no translation engine of that name; DRAGOMAN_TRANSLATION_ENGINE takes {known}.",
            code="unknown_engine",
        )
    missing = [package for package in spec.packages if importlib.util.find_spec(package) is None]
    if missing:
        raise Misconfigured(
            f"The translation engine {name} needs {', '.join(missing)}: "
            f"run make setup, or pip install -r requirements/{spec.extra}.txt.",
            code="missing_package",
        )
    engine: TranslationEngine = importlib.import_module(spec.module).load(settings)
    return engine
