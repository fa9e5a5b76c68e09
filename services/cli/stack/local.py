"""Sizing the stack of this machine: further model servers and workers as processes beside the first ones."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from dragoman.models import Scale
from services.cli.settings import CliSettings
from services.cli.stack.autoscaler import Size, wished
from services.cli.stack.embedded import Report, Stack
from services.cli.stack.process import Running
from services.cli.stack.table import Component
from services.shared.tasks import SERVICES

_MEMORY: Final = Path("/proc/meminfo")
# What a process may take beyond its drain time before it is killed.
_EXIT_S: Final = 5.0


class LocalBackend:
    """Starts and stops the stack's spares.

    Args:
        stack: Whose first servers and workers always run.
        settings: For the limits of this machine.
    """

    def __init__(self, stack: Stack, settings: CliSettings) -> None:
        self._stack = stack
        self._settings = settings
        # What was told to end, and when it is killed.
        self._ending: dict[Component, float] = {}

    def apply(self, scales: Sequence[Scale], report: Report) -> None:
        """Start what is missing and end what is too much, the highest number first."""
        cores = self._settings.autoscale_cores or os.cpu_count() or 1
        slots = {each.service: each.slots for each in scales}
        sizes = bounded(wished(scales), slots, cores, self._settings.autoscale_replicas)
        for component in self._stack.components:
            service = component.name.partition("-")[0]
            if component.scales and service in sizes:
                size = sizes[service]
                wanted = size.workers if component.service is None else size.replicas
                for spare in self._stack.spares_of(component):
                    self._settle(spare, wanted=spare.number <= wanted, report=report)

    def _settle(self, spare: Component, *, wanted: bool, report: Report) -> None:
        running = self._stack.find(spare)
        if running is not None and (spare in self._ending or not wanted):
            self._end(spare, running, report)
        elif running is None and (spare in self._ending or not wanted):
            self._stack.forget(spare)
            if self._ending.pop(spare, None) is not None:
                report(spare.name, "stopped")
        elif running is None and self._has_room(spare):
            self._stack.add(spare)
            report(spare.name, "started")

    def _end(self, spare: Component, running: Running, report: Report) -> None:
        if spare not in self._ending:
            running.terminate()
            self._ending[spare] = time.monotonic() + self._settings.drain_s + _EXIT_S
            report(spare.name, "draining")
        elif time.monotonic() > self._ending[spare]:
            running.kill()

    def _has_room(self, spare: Component) -> bool:
        available = available_bytes()
        return (
            spare.service is None or available is None or available >= self._settings.autoscale_reserve_bytes
        )


def bounded(wishes: Mapping[str, Size], slots: Mapping[str, int], cores: int, most: int) -> dict[str, Size]:
    """Return the sizes that a machine allows: one of each is there, those who miss most get more first.

    Args:
        wishes: Per service.
        slots: Of one model server, per service.
        cores: Slots that all model servers together may have.
        most: Servers, and workers, of one service.
    """
    replicas = dict.fromkeys(wishes, 1)
    # Services without a wish have their first server too; two slots are what most of them have.
    used = sum(slots.get(service, 2) for service in SERVICES)
    while True:
        missing = {
            service: min(size.replicas, most) - replicas[service]
            for service, size in wishes.items()
            if replicas[service] < min(size.replicas, most) and used + slots[service] <= cores
        }
        if not missing:
            break
        neediest = max(missing, key=lambda service: missing[service])
        replicas[neediest] += 1
        used += slots[neediest]
    return {
        service: Size(replicas[service], _workers(size, replicas[service], most))
        for service, size in wishes.items()
    }


def _workers(wish: Size, replicas: int, most: int) -> int:
    """Return the workers for as many replicas as there are, of those that were wished."""
    share = min(1.0, replicas / max(1, wish.replicas))
    return min(most, max(1, math.ceil(wish.workers * share)))


def available_bytes() -> int | None:
    """Return the memory that programs can still get; None where the system does not say."""
    try:
        lines = _MEMORY.read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(found[0]) * 1024 if found else None
