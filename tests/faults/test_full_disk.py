"""No space left, for artifacts and for Redis: nothing is accepted that cannot be kept, nothing is lost."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.faults.calls import CALL, SPEC
from tests.faults.installation import Installation, Plan, installed
from tests.faults.trial import Trial
from tests.support.absent import absent
from tests.support.waiting import until

_SIZE_MIB = 48
_RESERVE = {"DRAGOMAN_ARTIFACTS_RESERVE_BYTES": "0"}


@contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    """Have a file system of its own below a folder."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE_MIB}m", "tmpfs", str(folder)]
    tried = subprocess.run(mount, capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        absent(f"a small disk to mount: {tried.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation with two small disks."""
    home = tmp_path_factory.mktemp("small")
    with ExitStack() as stack:
        for name in ("artifacts", "redis"):
            stack.enter_context(_small_disk(home / name))
        yield stack.enter_context(installed(home, Plan(settings=_RESERVE)))


@contextmanager
def _full(folder: Path) -> Iterator[None]:
    """Leave no byte on a disk while inside."""
    filler = folder / "filler"
    with pytest.raises(OSError, match="No space left"):
        _fill(filler)
    try:
        yield
    finally:
        filler.unlink()


def _fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def test_a_full_artifact_disk_delays_jobs_and_refuses_new_ones(trial: Trial) -> None:
    (job,) = trial.submit()
    trial.installation.hold_at("tts.synthesize", job)
    with _full(trial.installation.home / "artifacts"):
        trial.hit()
        trial.installation.release()
        refused = trial.client.post(SPEC, CALL, uuid.uuid4().hex)
        assert refused.status_code >= httpx.codes.INTERNAL_SERVER_ERROR
        assert refused.headers["content-type"] == "application/problem+json"
        until(lambda: trial.ledger.attempts([job]) >= 1)
    trial.submit(1)
    assert trial.settle().reruns >= 1
    assert {unit["failures"] for unit in trial.ledger.units(job)} == {"0"}


def test_a_full_disk_of_redis_accepts_nothing_and_loses_nothing(trial: Trial) -> None:
    for proxy in trial.installation.every_proxy():
        proxy.slow(0.1)
    pids = trial.installation.pids()
    known = {job["id"] for job in trial.client.jobs()}
    trial.submit(3)
    with _full(trial.installation.home / "redis"):
        trial.hit()
        # Rather than to confirm what it cannot keep, Redis ends.
        until(lambda: _refuses(trial))
        until(lambda: not trial.installation.redis.alive)
    trial.installation.start_redis()
    until(trial.client.ready)
    trial.submit(1)
    assert {job["id"] for job in trial.client.jobs()} - known == set(trial.jobs)
    trial.settle()
    assert trial.installation.pids() == pids
    assert (trial.installation.home / "redis" / "appendonly.aof").stat().st_size > 0


def _refuses(trial: Trial) -> bool:
    answer = trial.client.post(SPEC, CALL, uuid.uuid4().hex)
    if answer.status_code == httpx.codes.ACCEPTED:
        trial.jobs.append(answer.json()["id"])
    return answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR
