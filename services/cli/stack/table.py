"""The processes of a whole installation on one machine, as data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, TypeVar

from services.shared.config import Settings
from services.shared.tasks import SERVICES

S = TypeVar("S", bound=Settings)

# The second server of a service listens ten ports above the first: between them are those of other services.
_PORT_STEP: Final = 10


@dataclass(frozen=True, slots=True)
class Component:
    """One process of the stack.

    Attributes:
        name: Names its pid file and log, such as "asr-server".
        module: What `python -m` runs; None for Redis.
        port_setting: The setting that holds its port; None when it listens on none.
        service: The model service whose health it answers for; None for all but model servers.
        scales: Whether there may be more of it: model servers and stage workers.
        number: Of several of a kind, from 1.
    """

    name: str
    module: str | None
    port_setting: str | None = None
    service: str | None = None
    scales: bool = False
    number: int = 1

    @property
    def port_variable(self) -> str:
        """The environment variable that moves its port."""
        return f"DRAGOMAN_{(self.port_setting or '').upper()}"

    def numbered(self, number: int) -> Component:
        """Return another one of its kind; from 2 on, so that the first keeps its name."""
        return replace(self, name=f"{self.name}-{number}", number=number)

    def seen_by(self, settings: S) -> S:
        """Return the settings with the port that this one of several listens on."""
        if self.service is None or self.port_setting is None or self.number == 1:
            return settings
        own_port = settings.port_of(self.service) + _PORT_STEP * (self.number - 1)
        return settings.model_copy(update={self.port_setting: own_port, f"{self.service}_target": None})


REDIS: Final = Component("redis", None, "redis_port")
GATEWAY: Final = Component("gateway", "services.gateway.app", "http_port")
SCALER: Final = Component("scaler", "services.cli.stack.scaler")

# In the order in which they start; they stop the other way round, each wave having ended before the next
# is told to: nobody accepts work any more, then nobody starts any, then running inference ends.
WAVES: Final[tuple[tuple[Component, ...], ...]] = (
    (REDIS,),
    tuple(
        Component(f"{name}-server", f"services.{name}.server", f"{name}_port", name, scales=True)
        for name in SERVICES
    ),
    tuple(Component(f"{name}-worker", f"services.{name}.worker", scales=True) for name in SERVICES),
    (Component("reconciler", "services.gateway.reconciler"), GATEWAY),
)


def spares(component: Component, most: int) -> tuple[Component, ...]:
    """Return those of a component's kind that a scaler may start, up to the number `most`."""
    return tuple(component.numbered(number) for number in range(2, most + 1)) if component.scales else ()
