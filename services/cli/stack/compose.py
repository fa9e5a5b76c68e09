"""Sizing a compose project, from the host: no container gets hold of the container engine."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping, Sequence

from dragoman.models import Scale
from services.cli.settings import CliSettings
from services.cli.stack.autoscaler import Size, wished
from services.cli.stack.embedded import Report
from services.shared.errors import Unavailable


class ComposeBackend:
    """Runs compose in the current folder.

    Args:
        settings: For the command.
    """

    def __init__(self, settings: CliSettings) -> None:
        self._command = shlex.split(settings.autoscale_compose)
        self._applied: Mapping[str, Size] = {}

    def apply(self, scales: Sequence[Scale], report: Report) -> None:
        """Say all known sizes at once: compose would bring a service that is left out back to one."""
        sizes = {**self._applied, **wished(scales)}
        if sizes == self._applied:
            return
        self._run([*self._command, *arguments(sizes)])
        for service, size in sizes.items():
            if self._applied.get(service) != size:
                report(service, f"{size.replicas} servers, {size.workers} workers")
        self._applied = sizes

    def _run(self, command: list[str]) -> None:
        try:
            # Its own output says what it does.
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)  # noqa: S603 (the user's own command)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Unavailable(
                f"`{command[0]}` failed; run it by hand to see why.", code="compose_failed"
            ) from error


def arguments(sizes: Mapping[str, Size]) -> list[str]:
    """Return compose's arguments for these sizes."""
    counts = {}
    for service, size in sizes.items():
        counts[service] = size.replicas
        counts[f"{service}-worker"] = size.workers
    scale = [part for name, count in counts.items() for part in ("--scale", f"{name}={count}")]
    return ["up", "-d", "--no-recreate", "--no-deps", *scale, *counts]
