"""Every model server starts and answers where no connection leaves the machine, and tries none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

from tests.support.absent import absent

_ENGINES = {"asr": "faster-whisper", "translation": "fxtranslate", "tts": "kokoro", "codec": "pyav"}
_ANSWERS = {"asr": "phone number", "translation": "dia", "tts": "bytes", "codec": "wav"}


@cache
def sealing() -> tuple[str, ...] | None:
    """Return the command that runs another one without a network; None where the system does not allow it."""
    for options in (("--net",), ("--net", "--map-root-user")):
        command = (shutil.which("unshare") or "", *options)
        if (
            command[0]
            and subprocess.run((*command, "true"), capture_output=True, check=False).returncode == 0
        ):
            return command
    return None


def answer_of(service: str) -> dict[str, Any]:
    command = sealing()
    if command is None:
        absent("unshare --net, to give a server a machine without a network")
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    clean |= {f"DRAGOMAN_{service.upper()}_ENGINES": _ENGINES[service]}
    run = (*command, sys.executable, "-m", "tests.support.sealed", service)
    done = subprocess.run(run, env=clean, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.models
@pytest.mark.parametrize("service", _ENGINES)
def test_a_server_needs_nothing_but_this_machine(service: str) -> None:
    found = answer_of(service)
    assert found["noticed"], "a try to get out would not have been seen"
    assert found["attempts"] == 0, "something tried to get out"
    assert _ANSWERS[service] in found["answer"]
    assert all(model["reference"].startswith(_ENGINES[service]) for model in found["models"])
