"""Runs a process of the installation with a fault inside: `python -m tests.faults.entry FAULT MODULE`."""

from __future__ import annotations

import datetime as dt
import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Self

# The side of a call whose units are deadly.
DEADLY_ROLE: Final = "deadly"
_HOUR_S: Final = 3600.0


def command(fault: str, module: str) -> tuple[str, ...]:
    """Return the command that runs a module with a fault inside."""
    return (sys.executable, "-P", "-m", "tests.faults.entry", fault, module)


def _die(*_: Any, **__: Any) -> None:
    """End this very moment, as a crash would."""
    os.kill(os.getpid(), signal.SIGKILL)


def _shift_clock(by_s: float) -> None:
    """Let this process believe in another time of day; time.monotonic() goes on as it did."""
    true_time = time.time

    class Shifted(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Self:
            return cls.fromtimestamp(true_time() + by_s, tz)

    def shifted_time() -> float:
        # gRPC compares this clock with the one of its C core, which stays as it is.
        caller = str(sys._getframe(1).f_globals.get("__name__"))
        return true_time() + (0.0 if caller.startswith("grpc") else by_s)

    # The modules of the installation take both names when they are imported, which is after this.
    time.time = shifted_time
    dt.datetime = Shifted  # type: ignore[misc]  # that is the fault


def _die_before_submit() -> None:
    from services.gateway.storage.redis import RedisJobStore  # noqa: PLC0415 - only for this fault

    RedisJobStore.submit = _die  # type: ignore[assignment, method-assign]  # that is the fault


def _die_before_send() -> None:
    from services.gateway.dispatch import CeleryDispatcher  # noqa: PLC0415 - only for this fault

    CeleryDispatcher.send = _die  # type: ignore[method-assign]  # that is the fault


def _die_after_send() -> None:
    from services.gateway.dispatch import CeleryDispatcher  # noqa: PLC0415 - only for this fault

    send = CeleryDispatcher.send

    def send_and_die(self: CeleryDispatcher, hints: Any) -> None:
        send(self, hints)
        _die()

    CeleryDispatcher.send = send_and_die  # type: ignore[method-assign]  # that is the fault


def _die_before_finish() -> None:
    from services.gateway.storage.redis import RedisJobStore  # noqa: PLC0415 - only for this fault

    RedisJobStore.finish = _die  # type: ignore[assignment, method-assign]  # that is the fault


def _die_before_complete() -> None:
    from services.shared.ledger.ledger import Ledger  # noqa: PLC0415 - only for this fault

    Ledger.complete = _die  # type: ignore[assignment, method-assign]  # that is the fault


def _die_of_deadly_units() -> None:
    """Let a unit of the deadly side end its worker, as one does that takes more memory than there is."""
    from services.shared import stage  # noqa: PLC0415 - only for this fault

    handle: Any = stage.StageRunner._handle

    def handle_or_die(self: stage.StageRunner, work: stage.Work) -> stage.Output:
        if work.claim.payload.get("role") == DEADLY_ROLE:
            _die()
        output: stage.Output = handle(self, work)
        return output

    stage.StageRunner._handle = handle_or_die  # type: ignore[method-assign]  # that is the fault


def _hang() -> None:
    """Let work never end, as a deadlock in a library does."""
    from services.shared import stage  # noqa: PLC0415 - only for this fault

    stage.StageRunner._handle = lambda *_: threading.Event().wait()  # type: ignore[assignment, method-assign]  # that is the fault


_FAULTS: Final[Mapping[str, Callable[[], None]]] = {
    "clock-fast": partial(_shift_clock, _HOUR_S),
    "clock-slow": partial(_shift_clock, -_HOUR_S),
    "dies-before-submit": _die_before_submit,
    "dies-before-send": _die_before_send,
    "dies-after-send": _die_after_send,
    "dies-before-finish": _die_before_finish,
    "dies-before-complete": _die_before_complete,
    "dies-of-deadly-units": _die_of_deadly_units,
    "hangs": _hang,
}


if __name__ == "__main__":
    _FAULTS[sys.argv[1]]()
    runpy.run_module(sys.argv[2], run_name="__main__", alter_sys=True)
