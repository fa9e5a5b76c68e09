"""The real stack on free ports with a home of its own, for as long as a benchmark runs."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from unittest import mock

import psutil

from dragoman import Dragoman, Job
from dragoman.specs import JobSpec
from services.cli.client import connect
from services.cli.settings import CliSettings
from services.cli.stack.embedded import Stack
from services.shared.config import load
from tests.bench.call import SPEC, Outcome
from tests.support.redis_server import free_port

_PORTS: Final = ("REDIS", "HTTP", "ASR", "TRANSLATION", "TTS", "CODEC")


class Running:
    """A stack that is up.

    Args:
        stack: To find its processes.
        gateway: Opened with the admin key.
    """

    def __init__(self, stack: Stack, gateway: Dragoman) -> None:
        self._stack = stack
        self.gateway = gateway

    def processes(self) -> dict[str, list[psutil.Process]]:
        """Return each component's process with those that it started."""
        found = {component.name: self._stack.find(component) for component in self._stack.components}
        roots = {name: psutil.Process(each.pid) for name, each in found.items() if each is not None}
        return {name: [root, *root.children(recursive=True)] for name, root in roots.items()}

    def translate(self, calls: Sequence[Path]) -> Outcome:
        """Translate calls, all at once."""
        return self.work(SPEC, calls)

    def work(self, spec: JobSpec, recordings: Sequence[Path]) -> Outcome:
        """Submit recordings all at once and wait until the last job has succeeded."""
        began, cpu_s = time.perf_counter(), self._cpu_s()
        jobs = [self.gateway.jobs.submit(spec, file=recording) for recording in recordings]
        over = [self._finished(job) for job in jobs]
        wall_s, cpu_s = time.perf_counter() - began, self._cpu_s() - cpu_s
        return Outcome(wall_s, cpu_s, [self._texts(job) for job in over])

    def _finished(self, job: Job) -> Job:
        last = self.gateway.jobs.wait(job)
        assert last.state == "succeeded", f"{last.id}: {last.state} {last.error}"
        return last

    def _texts(self, job: Job) -> list[str]:
        channels = self.gateway.jobs.result(job).channels
        return [region.source.text for channel in channels for region in channel.regions]

    def _cpu_s(self) -> float:
        return sum(cpu_s(processes[0]) for processes in self.processes().values())


def cpu_s(process: psutil.Process) -> float:
    """Return the processor time of a process and of those that it waited for."""
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


@contextmanager
def running() -> Iterator[Running]:
    """Have a stack up, beside whatever else runs on this machine."""
    with tempfile.TemporaryDirectory() as home:
        ports = {f"DRAGOMAN_{name}_PORT": str(free_port()) for name in _PORTS}
        # The stack hands its environment on to the processes that it starts.
        with mock.patch.dict(os.environ, {**ports, "DRAGOMAN_HOME": home}):
            os.environ.pop("DRAGOMAN_REDIS_URL", None)
            settings = load(CliSettings)
            stack = Stack(settings)
            stack.up(lambda _name, _state: None)
            try:
                # A benchmark counts refusals, and repeats nothing.
                with connect(settings, retries=0) as gateway:
                    yield Running(stack, gateway)
            finally:
                stack.down(lambda _name, _state: None)
