"""Processes of an installation, for tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from services.shared.config import Settings

WORKER = "tests.support.worker"
RECONCILER = "services.gateway.reconciler"


@contextmanager
def process(settings: Settings, module: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a module as a process with these settings; whatever is left of it at the end is killed."""
    given = settings.model_dump(exclude_unset=True)
    environment = {f"DRAGOMAN_{name.upper()}": str(value) for name, value in given.items()}
    command = [sys.executable, "-m", module, *arguments]
    running = subprocess.Popen(command, env={**os.environ, **environment})
    try:
        yield running
    finally:
        running.kill()
        running.wait(30)
