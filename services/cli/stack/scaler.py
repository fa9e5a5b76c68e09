"""The scaler of this machine's stack (`python -m services.cli.stack.scaler`), started by `up --autoscale`."""

from __future__ import annotations

import signal
import threading

from services.cli.settings import CliSettings
from services.cli.stack.autoscaler import Autoscaler
from services.cli.stack.embedded import Stack
from services.cli.stack.local import LocalBackend
from services.shared import telemetry
from services.shared.config import load


def main() -> None:
    """Scale until SIGTERM; what was started stays, for `dragoman down` or the next scaler."""
    settings = load(CliSettings)
    telemetry.configure("scaler", settings)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    backend = LocalBackend(Stack(settings, autoscale=True), settings)
    Autoscaler(settings, backend, _report).run(ended)


def _report(name: str, state: str) -> None:
    telemetry.logger().info("scaled", process=name, state=state)


if __name__ == "__main__":
    main()
