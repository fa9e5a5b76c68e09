"""The processes of a whole installation on one machine, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from services.shared.tasks import SERVICES


@dataclass(frozen=True, slots=True)
class Component:
    """One process of the stack.

    Attributes:
        name: Names its pid file and log, such as "asr-server".
        module: What `python -m` runs; None for Redis.
        port_setting: The setting that holds its port; None when it listens on none.
        service: The model service whose health it answers for; None for all but model servers.
    """

    name: str
    module: str | None
    port_setting: str | None = None
    service: str | None = None

    @property
    def port_variable(self) -> str:
        """The environment variable that moves its port."""
        return f"DRAGOMAN_{(self.port_setting or '').upper()}"


REDIS: Final = Component("redis", None, "redis_port")
GATEWAY: Final = Component("gateway", "services.gateway.app", "http_port")

# In the order in which they start; they stop the other way round, each wave having ended before the next
# is told to: nobody accepts work any more, then nobody starts any, then running inference ends.
WAVES: Final[tuple[tuple[Component, ...], ...]] = (
    (REDIS,),
    tuple(Component(f"{name}-server", f"services.{name}.server", f"{name}_port", name) for name in SERVICES),
    tuple(Component(f"{name}-worker", f"services.{name}.worker") for name in SERVICES),
    (Component("reconciler", "services.gateway.reconciler"), GATEWAY),
)
