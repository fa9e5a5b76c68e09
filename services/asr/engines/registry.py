"""The recognition engines by name."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from services.asr.engines.base import AsrEngine
from services.asr.settings import AsrSettings
from services.shared.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """How to get an engine.

    Attributes:
        name: Value of DRAGOMAN_ASR_ENGINE.
        module: Has `load(settings)`; imported only when the engine is asked for.
        packages: Import names that must be installed.
        extra: What to install when they are not.
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
            "faster-whisper",
            "services.asr.engines.faster_whisper",
            ("faster_whisper", "ctranslate2", "onnxruntime"),
            "lite",
            "Whisper on CTranslate2: 99 languages, and translation into English.",
        ),
        EngineSpec(
            "fake", "services.asr.engines.fake", (), "", "Words counted from loud stretches; no model."
        ),
    )
}


def create(name: str, settings: AsrSettings) -> AsrEngine:
    """Load an engine.

    Raises:
        Misconfigured: there is no such engine (unknown_engine), its packages are not installed
            (missing_package), or its model is not there.
    """
    spec = ENGINES.get(name)
    if spec is None:
        known = ", ".join(sorted(ENGINES))
        raise Misconfigured(
            f"There is no ASR engine of that name; DRAGOMAN_ASR_ENGINE takes {known}.", code="unknown_engine"
        )
    missing = [package for package in spec.packages if importlib.util.find_spec(package) is None]
    if missing:
        raise Misconfigured(
            f"The ASR engine {name} needs {', '.join(missing)}: run make setup, "
            f"or pip install -r requirements/{spec.extra}.txt.",
            code="missing_package",
        )
    load: Callable[[AsrSettings], AsrEngine] = importlib.import_module(spec.module).load
    return load(settings)
