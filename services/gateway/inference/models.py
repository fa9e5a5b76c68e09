"""The names under which clients ask for a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from services.gateway.jobs.ports import Capabilities
from services.shared.errors import DragomanError, NotFound

# Names that existing clients send; each means the installation's own model of that service.
ALIASES: Final = {
    "asr": (
        "whisper-1",
        "gpt-transcribe",
        "gpt-4o-transcribe",
        "gpt-4o-mini-transcribe",
        "gpt-4o-mini-transcribe-2025-12-15",
        "gpt-4o-transcribe-diarize",
    ),
    "tts": ("tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15"),
    "translation": (),
}


def names(capabilities: Capabilities) -> tuple[str, ...]:
    """Return the names of all services that ever answered, the models' own before their aliases."""
    return tuple(dict.fromkeys(name for service in ALIASES for name in _known(service, capabilities)))


def check(model: str, service: str, capabilities: Capabilities) -> None:
    """See that a service has a model of that name.

    Raises:
        NotFound: (code model_not_found) it has not; the detail lists those that it has.
        Unavailable: the service never answered.
    """
    served = _of(service, capabilities)
    if model not in served:
        raise NotFound(
            f"There is no such model for this. Models: {', '.join(served)}.", code="model_not_found"
        )


def _known(service: str, capabilities: Capabilities) -> tuple[str, ...]:
    try:
        return _of(service, capabilities)
    except DragomanError:
        return ()


def _of(service: str, capabilities: Capabilities) -> tuple[str, ...]:
    own: dict[str, Callable[[], str]] = {
        "asr": lambda: capabilities.asr().model,
        "tts": lambda: capabilities.tts().model,
        "translation": lambda: capabilities.translation().model,
    }
    model = own[service]()
    return (*((model,) if model else ()), *ALIASES[service])
