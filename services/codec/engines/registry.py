"""The codec engines by name."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from services.codec.engines.base import CodecEngine
from services.codec.settings import CodecSettings
from services.shared.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """How to get an engine.

    Attributes:
        name: Value of DRAGOMAN_CODEC_ENGINE.
        factory: Makes it; imports its packages only then.
        packages: Import names that must be installed.
        extra: The file of requirements/ that holds them.
        description: One line for people.
    """

    name: str
    factory: Callable[[CodecSettings], CodecEngine]
    packages: tuple[str, ...]
    extra: str
    description: str


def _fake(_settings: CodecSettings) -> CodecEngine:
    from services.codec.engines.fake import FakeEngine

    return FakeEngine()


def _pyav(settings: CodecSettings) -> CodecEngine:
    from services.codec.engines.pyav import PyavEngine, PyavSettings

    return PyavEngine(
        PyavSettings(
            cpu_s=settings.codec_decoder_cpu_s,
            wall_s=settings.codec_decoder_wall_s,
            memory_bytes=settings.codec_decoder_memory_bytes,
        )
    )


ENGINES: Final[Mapping[str, EngineSpec]] = {
    spec.name: spec
    for spec in (
        EngineSpec("pyav", _pyav, ("av",), "lite", "FFmpeg, bundled with PyAV; decodes in a process apart."),
        EngineSpec("fake", _fake, (), "", "16-bit WAV in, 16-bit WAV out; no FFmpeg."),
    )
}


def create(name: str, settings: CodecSettings) -> CodecEngine:
    """Make an engine.

    Raises:
        Misconfigured: there is no such engine (unknown_engine), or its packages are not installed
            (missing_package).
    """
    spec = ENGINES.get(name)
    if spec is None:
        known = ", ".join(sorted(ENGINES))
        raise Misconfigured(
            f"There is no codec engine of that name; DRAGOMAN_CODEC_ENGINE takes {known}.",
            code="unknown_engine",
        )
    missing = [package for package in spec.packages if importlib.util.find_spec(package) is None]
    if missing:
        raise Misconfigured(
            f"The codec engine {name} needs {', '.join(missing)}: run make setup, or "
            f"pip install -r requirements/{spec.extra}.txt.",
            code="missing_package",
        )
    return spec.factory(settings)
