"""One process of an installation, and what can happen to it."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import httpx
import psutil

from tests.support.waiting import until

_STOPPED = "T"


class Member:
    """A process that can be started, killed, frozen and started again.

    Args:
        name: Such as "asr-worker-1".
        command: Program and arguments.
        environment: Its whole environment.
        log: Where its output goes, over all its lives.
    """

    def __init__(
        self, name: str, command: tuple[str, ...], environment: Mapping[str, str], log: Path
    ) -> None:
        self.name = name
        self.kind = name.rstrip("0123456789").rstrip("-")
        self.wanted = False
        self._command = command
        self._environment = dict(environment)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._counters: dict[str, float] = defaultdict(float)
        self._before: dict[str, float] = defaultdict(float)

    @property
    def pid(self) -> int:
        """Of its last life."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs, be it frozen."""
        return self._process is not None and self._process.poll() is None

    def start(self, command: tuple[str, ...] | None = None, changes: Mapping[str, str] | None = None) -> None:
        """Start it.

        Args:
            command: Instead of its own.
            changes: Environment variables, for this life only.
        """
        assert not self.alive, f"{self.name} runs already"
        for name, count in self._counters.items():
            self._before[name] += count
        self._counters.clear()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command or self._command,
                env=self._environment | dict(changes or {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.wanted = True

    def kill(self) -> None:
        """End it at once, as a lost machine or the kernel's OOM killer would."""
        self.wanted = False
        if self.alive:
            self._signal(signal.SIGKILL)
            self.wait(10)

    def stop(self, within_s: float = 30) -> float:
        """Ask it to end; return the seconds that it took. It must leave in time, and without an error."""
        began = time.monotonic()
        status = self.leave(within_s)
        assert status == 0, f"{self.name} ended with {status}:\n{self.log_tail()}"
        return time.monotonic() - began

    def leave(self, within_s: float) -> int:
        """Ask it to end; return its exit status."""
        self.wanted = False
        self._signal(signal.SIGTERM)
        return self.wait(within_s)

    def wait(self, within_s: float) -> int:
        """Wait for its end; return the exit status."""
        assert self._process is not None
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {within_s} s:\n{self.log_tail()}") from None

    def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Stop it from running, without its knowing: a long pause of its machine."""
        self._signal(signal.SIGSTOP)
        until(lambda: self._state() == _STOPPED)

    def thaw(self) -> None:
        """Let it run on."""
        if self.alive:
            self._signal(signal.SIGCONT)

    def starve(self) -> None:
        """Give it no more memory than it has now."""
        has_bytes = psutil.Process(self.pid).memory_info().vms
        resource.prlimit(self.pid, resource.RLIMIT_AS, (has_bytes, resource.RLIM_INFINITY))

    def end(self) -> None:
        """Kill it with all that it started."""
        self.kill()
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def metric(self, name: str) -> float:
        """Return the sum of a counter with all its labels, over all its lives as far as they were seen."""
        self._look()
        return self._before.get(name, 0.0) + self._counters.get(name, 0.0)

    def log_size(self) -> int:
        """Return how many bytes it has logged so far."""
        return self._log.stat().st_size if self._log.exists() else 0

    def log_since(self, offset: int) -> list[str]:
        """Return the whole lines that it logged from `offset` bytes on."""
        if not self._log.exists():
            return []
        with self._log.open("rb") as log:
            log.seek(offset)
            return log.read().decode(errors="replace").splitlines()

    def log_tail(self) -> str:
        """Return the last lines that it logged."""
        return "\n".join(self.log_since(0)[-15:])

    def _look(self) -> None:
        """Read its metrics, if it has any and lives."""
        port = self._environment.get("DRAGOMAN_METRICS_PORT")
        if port is None or not self.alive:
            return
        with suppress(httpx.TransportError):
            lines = httpx.get(
                f"http://127.0.0.1:{port}/metrics", trust_env=False, timeout=2
            ).text.splitlines()
            self._counters.clear()
            for line in lines:
                labelled, _, value = line.rpartition(" ")
                if not line.startswith("#"):
                    self._counters[labelled.partition("{")[0]] += float(value)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _state(self) -> str:
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
