"""The scaler's loop: ask the gateway for the desired sizes, and let a backend bring them about."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from dragoman.models import Scale
from services.cli.client import connect
from services.cli.settings import CliSettings
from services.cli.stack.embedded import Report
from services.shared.errors import DragomanError


@dataclass(frozen=True, slots=True)
class Size:
    """How large a service is to be.

    Attributes:
        replicas: Of its model server.
        workers: Of its stage worker.
    """

    replicas: int
    workers: int


class Backend(Protocol):
    """Starts and stops what runs."""

    def apply(self, scales: Sequence[Scale], report: Report) -> None:
        """Bring the sizes about, as far as this machine allows; what is asked for already costs nothing.

        Args:
            scales: Per service; one whose sizes are None stays as it is.
            report: Called with what was started or stopped.

        Raises:
            DragomanError: it could not be done now; the next time is in an interval.
        """
        ...


class Autoscaler:
    """Applies what the gateway says until it is told to end.

    Args:
        settings: For the gateway, and how often it is asked.
        backend: Starts and stops what runs.
        report: Hears of changes and of what went wrong.
    """

    def __init__(self, settings: CliSettings, backend: Backend, report: Report) -> None:
        self._settings = settings
        self._backend = backend
        self._report = report
        self._trouble = ""

    def run(self, ended: threading.Event) -> None:
        """Work until `ended` is set."""
        while not ended.is_set():
            self.step()
            ended.wait(self._settings.autoscale_interval_s)

    def step(self) -> None:
        """Ask once and apply the answer; while the gateway is away, all stays as it is."""
        try:
            # No retries: the next look is the next try.
            with connect(self._settings, retries=0) as gateway:
                scales = gateway.stages().scaling
            self._backend.apply(scales, self._report)
            trouble = ""
        except DragomanError as error:
            trouble = error.code
        if trouble and trouble != self._trouble:
            self._report("scaler", trouble)
        self._trouble = trouble


def wished(scales: Sequence[Scale]) -> Mapping[str, Size]:
    """Return the sizes that count; those that nobody decides on any more are left out."""
    return {
        each.service: Size(each.desired_replicas, each.desired_workers)
        for each in scales
        if each.desired_replicas is not None and each.desired_workers is not None
    }
