"""The names under which clients ask for a model."""

from __future__ import annotations

from typing import Final

from services.gateway.jobs.abilities import Capabilities
from services.gateway.jobs.listing import listed
from services.shared.errors import DragomanError, NotFound

# Names that existing clients send; each means the installation's first model of that service.
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


def chosen(model: str, service: str, capabilities: Capabilities) -> dict[str, str]:
    """Return the model of a service that a name stands for, by service; nothing for an alias.

    Raises:
        NotFound: (code model_not_found) there is none; the detail lists those that there are.
        Unavailable: the service never answered.
    """
    if model in ALIASES[service]:
        getattr(capabilities, service)()
        return {}
    served = _of(service, capabilities)
    if model not in served:
        raise NotFound(f"There is no such model for this. Models: {listed(served)}.", code="model_not_found")
    return {service: model}


def _known(service: str, capabilities: Capabilities) -> tuple[str, ...]:
    try:
        return _of(service, capabilities)
    except DragomanError:
        return ()


def _of(service: str, capabilities: Capabilities) -> tuple[str, ...]:
    own: tuple[str, ...] = getattr(capabilities, service)().names
    return (*own, *ALIASES[service])
