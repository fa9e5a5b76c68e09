"""The whole `lite` stack, started once for all end-to-end tests, and a plain HTTP client for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.redis_server import free_port

_PORTS = ("HTTP", "REDIS", "ASR", "TRANSLATION", "TTS", "CODEC")
_FINAL = {"succeeded", "partially_succeeded", "failed", "cancelled"}


@dataclass(frozen=True, slots=True)
class Installation:
    """A running stack of its own.

    Attributes:
        home: Its folder.
        environment: For `dragoman` to find it.
        http: A client with the admin key.
    """

    home: Path
    environment: dict[str, str]
    http: httpx.Client

    def dragoman(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line."""
        return run(self.environment, *arguments)

    def submit(
        self, spec: dict[str, Any], file: bytes | None = None, name: str = "call.wav"
    ) -> httpx.Response:
        """Post a job."""
        if file is None:
            return self.http.post("/v1/jobs", json=spec)
        return self.http.post("/v1/jobs", files={"file": (name, file)}, data={"spec": json.dumps(spec)})

    def wait(self, job: str) -> dict[str, Any]:
        """Return a job once it is over."""
        for _ in range(2400):
            snapshot: dict[str, Any] = self.http.get(f"/v1/jobs/{job}").json()
            if snapshot["state"] in _FINAL:
                return snapshot
            time.sleep(0.1)
        raise AssertionError(f"job did not end: {snapshot}")

    def artifact(self, job: str, name: str) -> bytes:
        """Download one of a job's files."""
        response = self.http.get(f"/v1/jobs/{job}/artifacts/{name}")
        assert response.status_code == 200, response.text
        return response.content

    def stored(self) -> list[Path]:
        """Return every artifact that is stored now."""
        return [path for path in (self.home / "artifacts").rglob("*") if path.is_file()]


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `dragoman` with an environment."""
    command = [sys.executable, "-m", "services.cli.main", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280, check=False)


@pytest.fixture(scope="package")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A `lite` stack on free ports."""
    home = tmp_path_factory.mktemp("home")
    ports = {f"DRAGOMAN_{name}_PORT": str(free_port()) for name in _PORTS}
    environment = {**os.environ, **ports, "DRAGOMAN_HOME": str(home)}
    started = run(environment, "up")
    assert started.returncode == 0, started.stdout + started.stderr
    try:
        key = (home / "admin.key").read_text().strip()
        base = f"http://127.0.0.1:{ports['DRAGOMAN_HTTP_PORT']}"
        with httpx.Client(
            base_url=base, headers={"Authorization": f"Bearer {key}"}, timeout=60, trust_env=False
        ) as http:
            yield Installation(home, environment, http)
    finally:
        stopped = run(environment, "down")
        assert stopped.returncode == 0, stopped.stdout + stopped.stderr
