"""Background processes that outlive the command that started them, found again through pid files."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_POLL_S: Final = 0.05
_KILL_S: Final = 5.0
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Place:
    """Where one process keeps its pid file and its log.

    Attributes:
        name: Such as "asr-server".
        pid_file: Says which process it is; absent when it was never started or was stopped.
        log_file: Its standard output and error, since its last start.
    """

    name: str
    pid_file: Path
    log_file: Path

    def log_tail(self, lines: int = 15) -> str:
        """Return the last lines of the log, empty when there is none."""
        with contextlib.suppress(FileNotFoundError):
            return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])
        return ""


@dataclass(slots=True)
class Running:
    """A process that was started here or found through its pid file.

    Attributes:
        place: Where its files lie.
        pid: Its process id, also the id of its process group.
        identity: Tells it from a later process with the same pid.
        child: The handle, when this very command started it.
    """

    place: Place
    pid: int
    identity: str
    child: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def alive(self) -> bool:
        """Say whether this very process still runs."""
        if self.child is not None:
            return self.child.poll() is None
        return identity_of(self.pid) == self.identity

    def terminate(self) -> None:
        """Ask it to finish its work and end."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    def wait(self, timeout_s: float) -> bool:
        """Wait for it to end; False when it still runs after `timeout_s` seconds."""
        deadline = time.monotonic() + timeout_s
        while self.alive():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def kill(self) -> None:
        """End it, if it still runs, and whatever it left in its group, at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.wait(_KILL_S)


def start(place: Place, command: tuple[str, ...], environment: Mapping[str, str]) -> Running:
    """Start a process in a session of its own, so that neither Ctrl-C nor a closed terminal ends it.

    The log of the run before is kept beside the new one, as `<name>.log.1`.

    Args:
        place: Where its pid file and log go.
        command: Program and arguments.
        environment: Its whole environment; secrets belong here, never in `command`.
    """
    if place.log_file.exists():
        place.log_file.replace(place.log_file.with_suffix(".log.1"))
    with place.log_file.open("wb") as log:
        child = subprocess.Popen(  # noqa: S603 (the command comes from the stack's own table)
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,
        )
    running = Running(place, child.pid, identity_of(child.pid) or "ended", child)
    place.pid_file.write_text(json.dumps({"pid": running.pid, "identity": running.identity}))
    return running


def find(place: Place) -> Running | None:
    """Return the process that a pid file names, None when there is no usable pid file."""
    try:
        document = json.loads(place.pid_file.read_text())
        return Running(place, int(document["pid"]), str(document["identity"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore Ctrl-C, SIGTERM and a closed terminal: half-way through an end, processes would be left over."""
    before = {
        number: signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def identity_of(pid: int) -> str | None:
    """Return what tells a process from a later one with the same pid; None when it does not run.

    On Linux that is the machine's boot and the process's start in clock ticks since then (proc(5), field
    22 of /proc/PID/stat); elsewhere the start time that ps prints. A zombie does not count as running.
    """
    if not _BOOT_ID.exists():
        return _identity_from_ps(pid)
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The program's name, in parentheses, may itself hold spaces and parentheses.
    fields = stat.rpartition(")")[2].split()
    state, start_ticks = fields[0], fields[19]
    return None if state in "ZX" else f"{_BOOT_ID.read_text().strip()}:{start_ticks}"


def _identity_from_ps(pid: int) -> str | None:
    answer = subprocess.run(  # noqa: S603 (a fixed program and a number)
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = answer.stdout.strip().partition(" ")
    return None if not started or state.startswith("Z") else started.strip()
