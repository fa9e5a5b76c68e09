"""The embedded stack: all processes of an installation, started and ended together in the background."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import services
from services.cli.settings import CliSettings
from services.cli.stack import health, process, redis_server
from services.cli.stack.process import Place, Running
from services.cli.stack.table import REDIS, SCALER, WAVES, Component, spares
from services.shared import surroundings
from services.shared.errors import Conflict, Misconfigured, Timeout, Unavailable
from services.shared.tasks import SERVICES

# Called with a component's name and what became of it, such as "ready" or "stopped".
Report = Callable[[str, str], None]

_POLL_S: Final = 0.2
# glibc keeps an arena per thread and what was freed in it; so many processes on one machine would hold
# 0.3 GB that nobody uses. Measured by `make bench`: these cost no time, lower thresholds do.
_MALLOC: Final = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(4 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(16 << 20),
}
# No node has to come first on this machine.
_LOCAL_STARTS: Final = {"DRAGOMAN_SCALING_COLD_START_S": "20", "DRAGOMAN_SCALING_HOLD_S": "60"}
# What a process may take beyond its drain time before it is killed.
_EXIT_S: Final = 5.0


class Stack:
    """The processes that belong to one home folder.

    Args:
        settings: For the home folder and the ports.
        waves: What starts together.
        autoscale: Whether a scaler belongs to it.
    """

    def __init__(
        self,
        settings: CliSettings,
        waves: tuple[tuple[Component, ...], ...] = WAVES,
        *,
        autoscale: bool = False,
    ) -> None:
        self._settings = settings
        self._home = settings.home.resolve()
        self._autoscale = autoscale
        own = tuple(wave for wave in waves if not (settings.brings_own_redis and wave == (REDIS,)))
        # The scaler is the first to go, so that it starts nothing while the others end.
        self._waves = (*(self._with_spares(wave) for wave in own), (SCALER,))
        self.components = tuple(component for wave in own for component in wave)
        if autoscale:
            self.components += (SCALER,)
        # What this very command started; it can be reaped, unlike what a pid file names.
        self._children: dict[Component, Running] = {}

    def place(self, component: Component) -> Place:
        """Return where a component's pid file and log lie."""
        return Place(
            component.name,
            self._home / "run" / f"{component.name}.pid",
            self._home / "log" / f"{component.name}.log",
        )

    def find(self, component: Component) -> Running | None:
        """Return a component's process when it runs."""
        running = self._children.get(component) or process.find(self.place(component))
        return running if running is not None and running.alive() else None

    def present(self) -> tuple[Component, ...]:
        """Return what must run, and what else was started and not stopped: a scaler and what it added."""
        every = (component for wave in self._waves for component in wave)
        return tuple(each for each in every if each in self.components or self.place(each).pid_file.exists())

    def spares_of(self, component: Component) -> tuple[Component, ...]:
        """Return what a scaler may start beside a component, in the order in which it would."""
        return spares(component, self._settings.autoscale_replicas)

    def add(self, spare: Component) -> None:
        """Start one more of a kind, from within the scaler, whose environment it gets."""
        environment = dict(os.environ)
        own = spare.seen_by(self._settings)
        if spare.port_setting is not None:
            environment[spare.port_variable] = str(getattr(own, spare.port_setting))
        every = [each for wave in self._waves for each in wave if each.number > 1]
        # The scaler has the last ones of the stack's own ports.
        self._launch(spare, _command(spare), environment | self._own_ports(1 + every.index(spare)))

    def forget(self, spare: Component) -> None:
        """Take note that a spare has ended, as it was told to."""
        self._children.pop(spare, None)
        self.place(spare).pid_file.unlink(missing_ok=True)

    def up(self, report: Report) -> bool:
        """Start everything and wait until all is ready.

        Whatever was started is stopped again when this fails; the logs stay.

        Returns:
            False when all of it ran already.

        Raises:
            Conflict: only a part of the stack runs.
            Misconfigured: a port is taken, or there is no redis-server.
            Unavailable: a component ended early; the detail ends with the last lines of its log.
            Timeout: it took longer than DRAGOMAN_UP_TIMEOUT_S.
        """
        with self._lock():
            found = {component: self.find(component) for component in self.components}
            missing = [component.name for component, running in found.items() if running is None]
            if not missing:
                self._await_ready(self.components, {c: r for c, r in found.items() if r}, report)
                return False
            if len(missing) < len(found):
                raise Conflict(
                    f"Only a part of the stack runs; {', '.join(missing)} ended. "
                    "Run `dragoman down`, then `dragoman up`.",
                    code="half_up",
                )
            self._require_free_ports()
            try:
                self._start(report)
            except BaseException:
                with process.undisturbed():
                    self._stop(lambda _name, _state: None)
                raise
            return True

    def down(self, report: Report) -> bool:
        """Stop everything that `up` started; work in progress gets DRAGOMAN_DRAIN_S to end.

        Returns:
            False when nothing ran.
        """
        with self._lock():
            return self._stop(report)

    def _start(self, report: Report) -> None:
        environment = self._environment()
        if REDIS in self.components:
            files = redis_server.prepare(self._settings)
            self._launch(REDIS, (str(redis_server.find_binary()), str(files.config)), environment)
            self._await_ready((REDIS,), self._children, report)
            environment["DRAGOMAN_REDIS_URL"] = files.url
        elif self._settings.brings_own_redis and not health.ready(REDIS, self._settings):
            raise Unavailable("The Redis of DRAGOMAN_REDIS_URL does not answer.", code="redis_unavailable")
        rest = tuple(component for component in self.components if component.module is not None)
        for position, component in enumerate(rest):
            self._launch(component, _command(component), environment | self._own_ports(position))
        self._await_ready(rest, self._children, report)

    def _own_ports(self, position: int) -> dict[str, str]:
        # One port cannot serve them all: each takes the next one, in the order of the table.
        settings = self._settings
        first = {
            "DRAGOMAN_METRICS_PORT": settings.metrics_port,
            "DRAGOMAN_HEALTH_PORT": settings.health_port,
        }
        return {name: str(port + position) for name, port in first.items() if port is not None}

    def _launch(self, component: Component, command: tuple[str, ...], environment: Mapping[str, str]) -> None:
        self._children[component] = process.start(self.place(component), command, environment)

    def _await_ready(
        self, components: tuple[Component, ...], running: Mapping[Component, Running], report: Report
    ) -> None:
        deadline = time.monotonic() + self._settings.up_timeout_s
        waiting = list(components)
        while waiting:
            for component, each in running.items():
                if not each.alive():
                    raise _ended(component, each)
            for component in [each for each in waiting if health.ready(each, self._settings)]:
                waiting.remove(component)
                report(component.name, "ready")
            if waiting and time.monotonic() > deadline:
                names = ", ".join(component.name for component in waiting)
                raise Timeout(
                    f"Not ready after {self._settings.up_timeout_s:g} s: {names}. See {self._home / 'log'}, "
                    "or allow more with DRAGOMAN_UP_TIMEOUT_S.",
                    code="start_timeout",
                )
            if waiting:
                time.sleep(_POLL_S)

    def _stop(self, report: Report) -> bool:
        stopped = False
        for wave in reversed(self._waves):
            running = [each for component in wave if (each := self.find(component))]
            for each in running:
                each.terminate()
            deadline = time.monotonic() + self._settings.drain_s + _EXIT_S
            for each in running:
                drained = each.wait(max(0.0, deadline - time.monotonic()))
                each.kill()
                report(each.place.name, "stopped" if drained else "killed")
                stopped = True
            for component in wave:
                self._children.pop(component, None)
                self.place(component).pid_file.unlink(missing_ok=True)
        return stopped

    def _require_free_ports(self) -> None:
        every = [each for wave in self._waves for each in wave]
        for component in every if self._autoscale else self.components:
            address = health.address_of(component, component.seen_by(self._settings))
            if address is not None and not health.port_free(*address):
                raise Misconfigured(
                    f"Port {address[1]} of {component.name} is used by another program; "
                    f"set {component.port_variable} to a free one.",
                    code="port_in_use",
                )

    def _environment(self) -> dict[str, str]:
        # The processes read the same settings as this command, from the same variables.
        root = Path(services.__file__ or "").parents[1]
        # A killed process leaves its temporary files; here they go at the next start.
        temporary = self._home / "tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(mode=0o700, exist_ok=True)
        own = {"PYTHONPATH": str(root), "DRAGOMAN_HOME": str(self._home), "TMPDIR": str(temporary)}
        return surroundings.environment({**_MALLOC, **self._autoscaled(), **os.environ, **own})

    def _autoscaled(self) -> dict[str, str]:
        """Return how soon a server starts here, and all addresses where clients may find one."""
        if not self._autoscale:
            return {}
        if self._settings.tls_dir is not None:
            raise Misconfigured(
                "A list of addresses has no name that a certificate could be checked against; "
                "use either --autoscale or DRAGOMAN_TLS_DIR on one machine.",
                code="autoscale_without_tls",
            )
        targets = {
            f"DRAGOMAN_{service.upper()}_TARGET": f"ipv4:{addresses}"
            for service, addresses in self._addresses().items()
        }
        return {**_LOCAL_STARTS, **targets}

    def _addresses(self) -> dict[str, str]:
        host = "127.0.0.1" if self._settings.host == "0.0.0.0" else socket.gethostbyname(self._settings.host)
        every = [each for wave in self._waves for each in wave if each.service is not None]
        ports = {
            service: [
                each.seen_by(self._settings).port_of(service) for each in every if each.service == service
            ]
            for service in SERVICES
        }
        return {service: ",".join(f"{host}:{port}" for port in each) for service, each in ports.items()}

    def _with_spares(self, wave: tuple[Component, ...]) -> tuple[Component, ...]:
        return (*wave, *(spare for component in wave for spare in self.spares_of(component)))

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        for name in ("run", "log"):
            (self._home / name).mkdir(parents=True, exist_ok=True)
        with (self._home / "run" / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict("Another `dragoman up` or `down` is at work here.", code="busy") from None
            yield


def _command(component: Component) -> tuple[str, ...]:
    # Without -P a folder named `services` in the current folder would be run instead.
    return (sys.executable, "-P", "-m", str(component.module))


def _ended(component: Component, running: Running) -> Unavailable:
    return Unavailable(
        f"{component.name} ended. Its log, {running.place.log_file}, ends with:\n{running.place.log_tail()}",
        code="component_ended",
    )
