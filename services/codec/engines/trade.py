"""The room's ways with an engine: how it is loaded, seen at work, described and let go."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.codec.engines.base import CodecDescription, CodecEngine, Target
from services.codec.engines.registry import create
from services.codec.settings import CodecSettings
from services.shared.engines import Model, Reference, references
from services.shared.errors import DragomanError, InternalError
from services.shared.residents import Bounds, Residents

_ROUNDING_S: Final = 0.001


@dataclass(frozen=True, slots=True)
class Ability:
    """What an engine adds to a server.

    Attributes:
        codecs: That it writes, by name.
        containers: That it opens.
    """

    codecs: Mapping[str, CodecDescription]
    containers: tuple[str, ...]


Engines = Residents[CodecEngine, Ability]


class CodecTrade:
    """See services.shared.residents.Trade.

    Args:
        make: Loads an engine.
    """

    def __init__(self, make: Callable[[Reference], CodecEngine]) -> None:
        self._make = make

    def load(self, reference: Reference) -> CodecEngine:
        """Load an engine.

        Raises:
            Misconfigured: it, its packages or its model are not here.
        """
        return self._make(reference)

    def prove(self, engine: CodecEngine) -> None:
        """Have it write a tenth of a second in each of its codecs, and read that back.

        Raises:
            InternalError: time was lost (self_test_failed).
        """
        for codec in engine.codecs.values():
            target = Target(codec.name, codec.sample_rates_hz[0], 1, codec.default_bitrate_kbps)
            silence = np.zeros((target.sample_rate_hz // 10, 1), np.int16)
            sink = io.BytesIO()
            try:
                engine.encode([silence], target, sink)
                sink.seek(0)
                seconds = engine.measure(sink, target, lambda: False)
            except DragomanError as error:
                raise _failed(codec.name) from error
            if not -_ROUNDING_S <= seconds - 0.1 <= _ROUNDING_S + codec.slack_samples / target.sample_rate_hz:
                raise _failed(codec.name)

    def describe(self, engine: CodecEngine) -> Ability:
        """Return its codecs and containers."""
        return Ability(dict(engine.codecs), engine.containers)

    def model_of(self, engine: CodecEngine) -> Model:
        """Return its weights."""
        return engine.model

    def close(self, engine: CodecEngine) -> None:
        """Let it go."""
        engine.close()


class _Proven(CodecTrade):
    def prove(self, engine: CodecEngine) -> None:
        """Believe it."""


def residents(settings: CodecSettings) -> Engines:
    """Load the engines that the settings name.

    Raises:
        Misconfigured: one of them, its packages or its model are not here.
        InternalError: one does not work (self_test_failed).
    """
    trade = CodecTrade(lambda reference: create(reference, settings))
    bounds = Bounds(settings.models_idle_s, settings.models_memory_bytes)
    return Residents(references(settings.codec_engines), trade, bounds)


def given(engines: Mapping[Reference, CodecEngine]) -> Engines:
    """Return engines that are loaded already, in order of preference; they are not put to the test."""
    return Residents(tuple(engines), _Proven(engines.__getitem__))


def alone(engine: CodecEngine) -> Engines:
    """Return one engine that is loaded already."""
    return given({Reference(engine.model.name): engine})


def _failed(codec: str) -> InternalError:
    return InternalError(
        f"The codec engine lost time with {codec} in its self-test.", code="self_test_failed"
    )
