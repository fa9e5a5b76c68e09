"""The sweeper deletes what belongs to nothing, and nothing else."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.gateway.jobs.ids import new_job_id
from services.gateway.jobs.model import File, Final, Job, JobState, UnitState
from services.gateway.jobs.pipeline import Stage
from services.gateway.jobs.ports import Backlog, Submission
from services.gateway.jobs.sweep import Sweeper
from services.gateway.storage.memory import MemoryJobStore
from services.shared.artifacts.local import LocalArtifacts
from services.shared.errors import StorageFailure
from services.shared.tasks import DECODE, ENCODE, TRANSCRIBE
from tests.conftest import Logged

GRACE = timedelta(hours=1)
STAGES = (Stage(DECODE, "job"), Stage(TRANSCRIBE, "region"), Stage(ENCODE, "job"))


class Store(MemoryJobStore):
    """A job store that can lose its memory."""

    def __init__(self) -> None:
        super().__init__(Backlog(99, 99))
        self.name = uuid.uuid4().hex

    def identity(self) -> str:
        return self.name

    def forget_everything(self) -> None:
        self.__init__()  # type: ignore[misc]  # as a Redis does that starts on an empty disk


class House:
    """A job store, artifacts, and the sweeper of both."""

    def __init__(self, folder: Path) -> None:
        self.store = Store()
        self.artifacts = LocalArtifacts(folder)
        self.folder = folder / "objects"
        self.now = datetime.now(UTC)
        self.sweeper = Sweeper(self.store, self.artifacts, GRACE.total_seconds())

    def put(self, *keys: str, age: timedelta = 2 * GRACE) -> None:
        for key in keys:
            self.artifacts.put(key, b"sound")
            self.grow_old(self.folder / key, age)

    def grow_old(self, path: Path, age: timedelta = 2 * GRACE) -> None:
        then = (self.now - age).timestamp()
        os.utime(path, (then, then))

    def kept(self) -> set[str]:
        return {each.key for each in self.artifacts.list()} - {"owner"}

    def sweep(self) -> int:
        return self.sweeper.sweep(self.now)

    def submit(self) -> Job:
        job = Job(new_job_id(), "acme", "speech_translation", JobState.QUEUED, self.now)
        self.store.submit(Submission(job, {}, STAGES))
        return job

    def end(self, job: Job, state: JobState, files: tuple[File, ...] = ()) -> None:
        """Decode into two regions, of which one is lost; then end."""
        self.store.complete(job.id, (DECODE, "job"), {}, [("c0r0", {}), ("c0r1", {})])
        self.store.complete(job.id, (TRANSCRIBE, "c0r0"), {})
        self.store.fail(job.id, (TRANSCRIBE, "c0r1"), "timeout")
        self.store.complete(job.id, (ENCODE, "job"), {})
        self.store.finish(job.id, Final(state, files=files))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_the_upload_of_a_submission_that_was_refused_goes(house: House) -> None:
    house.put(f"acme/{new_job_id()}/input")
    assert (house.sweep(), house.kept()) == (1, set())


def test_what_is_young_stays_for_it_may_belong_to_a_job_that_is_just_submitted(house: House) -> None:
    key = f"acme/{new_job_id()}/input"
    house.put(key, age=GRACE - timedelta(seconds=1))
    assert (house.sweep(), house.kept()) == (0, {key})


def test_what_a_late_writer_adds_to_an_erased_job_goes(house: House) -> None:
    job = house.submit()
    house.end(job, JobState.FAILED)
    house.store.erase(job.id)
    house.put(f"{job.prefix}{TRANSCRIBE}/c0r0.1/transcript.json")
    assert (house.sweep(), house.kept()) == (1, set())


def test_all_of_a_cancelled_job_goes(house: House) -> None:
    job = house.submit()
    house.store.cancel(job.id)
    house.put(f"{job.prefix}input", f"{job.prefix}files/result.json", f"{job.prefix}{DECODE}/job.1/a.wav")
    assert house.sweep() == 0
    house.store.finish(job.id, Final(JobState.CANCELLED))
    assert (house.sweep(), house.kept()) == (3, set())


@pytest.mark.parametrize("step", ["queued", "running", "cancelling"])
def test_a_job_that_may_still_run_is_left_alone(house: House, step: str) -> None:
    job = house.submit()
    if step != "queued":
        house.store.complete(job.id, (DECODE, "job"), {}, [("c0r0", {})])
    if step == "cancelling":
        house.store.cancel(job.id)
    keys = {f"{job.prefix}input", f"{job.prefix}{TRANSCRIBE}/c0r0.7/half.json"}
    house.put(*keys)
    assert (house.sweep(), house.kept()) == (0, keys)


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.PARTIALLY_SUCCEEDED, JobState.FAILED])
def test_an_ended_job_keeps_what_it_stands_on_and_no_more(house: House, state: JobState) -> None:
    job = house.submit()
    needed = {
        f"{job.prefix}input",
        f"{job.prefix}glossary.json",
        f"{job.prefix}files/9/result.json",
        f"{job.prefix}{DECODE}/job.1/channel-0.wav",
        f"{job.prefix}{TRANSCRIBE}/c0r0.1/transcript.json",
        f"{job.prefix}{ENCODE}/job.1/call.ogg",
    }
    strays = {
        f"{job.prefix}{DECODE}/job.2/channel-0.wav",
        f"{job.prefix}{TRANSCRIBE}/c0r0.11/transcript.json",
        f"{job.prefix}{TRANSCRIBE}/c0r1.1/transcript.json",
        f"{job.prefix}{TRANSCRIBE}/c0r00.1/transcript.json",
        f"{job.prefix}files/4/result.json",
        f"{job.prefix}unknown/a",
    }
    house.end(job, state, (File("result.json", f"{job.prefix}files/9/result.json", "application/json", 5),))
    assert {unit.state for unit in house.store.units(job.id)} == {UnitState.DONE, UnitState.DEAD}
    house.put(*needed, *strays)
    assert (house.sweep(), house.kept()) == (len(strays), needed)
    assert house.sweep() == 0


def test_what_is_no_jobs_is_left_alone(house: House) -> None:
    keys = {"readme", "acme/job_1/input", f"{new_job_id()}/input", f"acme/x{new_job_id()}/a", "backup/a/b"}
    house.put(*keys)
    assert (house.sweep(), house.kept()) == (0, keys)


def test_another_tenants_folder_of_the_same_name_is_left_alone(house: House) -> None:
    job = house.submit()
    house.store.cancel(job.id)
    house.store.finish(job.id, Final(JobState.CANCELLED))
    house.put(f"globex/{job.id}/input")
    assert (house.sweep(), len(house.kept())) == (0, 1)


def test_a_store_that_lost_its_memory_gives_nothing_up(house: House, logged: Logged) -> None:
    job = house.submit()
    house.end(job, JobState.SUCCEEDED)
    house.put(f"{job.prefix}input")
    house.sweep()
    house.store.forget_everything()
    assert (house.sweep(), house.kept()) == (0, {f"{job.prefix}input"})
    assert [line["level"] for line in logged()] == ["error"]
    newer = house.submit()
    house.put(f"acme/{new_job_id()}/input", f"{newer.prefix}input")
    assert (house.sweep(), len(house.kept())) == (0, 3)


def test_a_store_that_loses_its_memory_during_the_sweep_gives_nothing_up(house: House) -> None:
    job = house.submit()
    house.put(f"{job.prefix}input")
    house.sweep()
    asked = house.store.identity

    def identity() -> str:
        name = asked()
        house.store.forget_everything()
        return name

    house.store.identity = identity  # type: ignore[method-assign]  # the memory goes meanwhile
    house.sweep()
    assert house.kept() == {f"{job.prefix}input"}


def test_another_store_takes_the_artifacts_over_when_the_operator_says_so(house: House) -> None:
    house.sweep()
    house.store.forget_everything()
    house.put(f"acme/{new_job_id()}/input")
    assert house.sweep() == 0
    house.artifacts.delete_prefix("owner")
    assert (house.sweep(), house.kept()) == (1, set())


def test_a_store_of_another_identity_still_cleans_up_after_the_jobs_that_it_knows(house: House) -> None:
    house.sweep()
    house.store.forget_everything()
    job = house.submit()
    house.end(job, JobState.SUCCEEDED)
    house.put(f"{job.prefix}input", f"{job.prefix}{DECODE}/job.9/a.wav")
    assert (house.sweep(), house.kept()) == (1, {f"{job.prefix}input"})


def test_what_killed_writers_left_half_written_goes(house: House) -> None:
    job = house.submit()
    house.put(f"{job.prefix}input")
    left, young = house.folder / job.prefix / ".tmp1", house.folder / job.prefix / ".tmp2"
    for path in (left, young):
        path.write_bytes(b"half")
    house.grow_old(left)
    assert house.sweep() == 1
    assert (left.exists(), young.exists()) == (False, True)


def test_folders_that_were_left_empty_go_and_are_not_counted(house: House) -> None:
    folder = house.folder / "acme" / new_job_id() / DECODE
    folder.mkdir(parents=True)
    for path in (folder, *folder.parents[:2]):
        house.grow_old(path)
    assert house.sweep() == 0
    assert not folder.exists()
    assert house.folder.exists()


def test_one_that_cannot_be_deleted_does_not_save_the_others(house: House, logged: Logged) -> None:
    class Stubborn(LocalArtifacts):
        def delete_prefix(self, prefix: str) -> int:
            if prefix.endswith("stuck"):
                raise StorageFailure("The disk is read-only.")
            return super().delete_prefix(prefix)

    job = f"acme/{new_job_id()}"
    house.put(f"{job}/a", f"{job}/stuck", f"{job}/z")
    stubborn = Stubborn(house.folder.parent)
    assert Sweeper(house.store, stubborn, GRACE.total_seconds()).sweep(house.now) == 2
    assert house.kept() == {f"{job}/stuck"}
    assert [line["artifact"] for line in logged()] == [f"{job}/stuck"]
