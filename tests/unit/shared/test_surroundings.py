"""What libraries find in a model server's environment, and how many cores it may keep busy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.shared import surroundings, threads


def test_whoever_sets_threads_is_heard_and_whoever_sets_the_hub_is_not() -> None:
    made = surroundings.environment({"OMP_NUM_THREADS": "3", "HF_HUB_OFFLINE": "0", "LANG": "C"})
    assert made["OMP_NUM_THREADS"] == "3"
    assert made["HF_HUB_OFFLINE"] == "1"
    assert made["LANG"] == "C"
    assert made["MKL_NUM_THREADS"] == "1"


def test_what_is_loaded_afterwards_finds_it() -> None:
    code = (
        "import json, os; from services.shared import surroundings; surroundings.settle();"
        "import subprocess, sys; print(subprocess.run(['env'], capture_output=True, text=True).stdout)"
    )
    clean = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
    root = Path(__file__).parents[3]
    command = (sys.executable, "-c", code)
    done = subprocess.run(command, env=clean, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    assert {name: found[name] for name in surroundings.ONE_THREAD} == dict(surroundings.ONE_THREAD)
    assert {name: found[name] for name in surroundings.OFFLINE} == dict(surroundings.OFFLINE)


def test_the_hubs_own_library_sees_that_it_is_offline() -> None:
    code = (
        "from services.shared import surroundings; surroundings.settle();"
        "import json; from huggingface_hub import constants as c; print(json.dumps(c.HF_HUB_OFFLINE))"
    )
    root = Path(__file__).parents[3]
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))
    }
    command = (sys.executable, "-c", code)
    done = subprocess.run(command, env=clean, cwd=root, capture_output=True, text=True, check=False)
    assert json.loads(done.stdout) is True, done.stderr


@pytest.mark.parametrize(
    ("quota", "share"),
    [
        ("max 100000\n", None),
        ("100000 100000\n", 1),
        ("50000 100000\n", 1),
        ("nonsense\n", None),
        ("9999900000 100000\n", None),
        (None, None),
    ],
)
def test_a_container_may_use_its_share_of_the_cores(
    tmp_path: Path, quota: str | None, share: int | None
) -> None:
    file = tmp_path / "cpu.max"
    if quota is not None:
        file.write_text(quota)
    assert threads.cores(file) == (share or len(os.sched_getaffinity(0)))


def test_a_share_between_two_cores_is_the_lower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)))
    file = tmp_path / "cpu.max"
    file.write_text("350000 100000\n")
    assert threads.cores(file) == 3
