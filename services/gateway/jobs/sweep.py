"""Deletes artifacts that belong to nothing: what a crash, a late writer or an expired upload left behind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final, Protocol

from services.gateway.jobs.glossaries import GLOSSARY_NAME
from services.gateway.jobs.ids import JOB_ID
from services.gateway.jobs.model import Job, JobState, UnitRecord, UnitState
from services.gateway.jobs.sources import NoUploads, UploadedFiles
from services.shared import telemetry
from services.shared.artifacts.base import ArtifactStore, Stored
from services.shared.errors import NotFound, StorageFailure

_JOB_KEY: Final = re.compile(rf"(?P<prefix>[^/]+/{JOB_ID.pattern}/).+")
_UPLOAD_KEY: Final = re.compile(r"(?P<prefix>[^/]+/upl_[0-9a-f]{32}/).+")
_OWNER_KEY: Final = "owner"


class Register(Protocol):
    """What the sweeper asks of the job store."""

    def get(self, job_id: str) -> Job | None:
        """Return the job as it stands."""
        ...

    def units(self, job_id: str) -> Sequence[UnitRecord]:
        """Return all units of a job."""
        ...

    def identity(self) -> str:
        """Return what no other store answers, nor this one after it lost its memory: a random text in it."""
        ...


class Sweeper:
    """Deletes what no job or upload needs any more; what runs, and keys that are nobody's, are left alone.

    A job store that lost its memory knows no job, and would give everything up for deletion. So the first
    sweep writes the store's identity beside the artifacts, under the key "owner"; artifacts of jobs that
    are unknown to a store of another identity stay.

    Args:
        store: Knows which jobs there are.
        artifacts: What is swept.
        grace_s: Age in seconds that an artifact must have: longer than any writer pauses.
        uploads: Knows what resumable uploads need.
    """

    def __init__(
        self,
        store: Register,
        artifacts: ArtifactStore,
        grace_s: float,
        uploads: UploadedFiles = NoUploads(),  # noqa: B008 - knows nothing that could change
    ) -> None:
        self._store = store
        self._uploads = uploads
        self._artifacts = artifacts
        self._grace = timedelta(seconds=grace_s)

    def sweep(self, now: datetime) -> int:
        """Delete the strays that were written before the grace time (`now` is UTC); return how many.

        Raises:
            StorageFailure: the artifacts cannot be listed; single ones that cannot be deleted come again.
            Unavailable: the job store cannot be reached.
        """
        before = now - self._grace
        owned = self._owned()
        count = self._artifacts.tidy(before)
        for prefix, found in groupby(self._artifacts.list(), _prefix_of):
            if prefix:
                old = [each for each in self._strays(prefix, list(found)) if each.modified_at < before]
                count += sum(self._delete(each.key) for each in old)
        if not owned:
            telemetry.logger().error(
                "artifacts of unknown jobs are kept: the job store is not the one they were written with; "
                "if its jobs are gone for good, delete the artifact `owner`"
            )
        return count

    def _strays(self, prefix: str, found: Sequence[Stored]) -> Sequence[Stored]:
        tenant, owner = prefix.split("/")[:2]
        if owner.startswith("upl_"):
            needed = self._uploads.needed(tenant, owner)
            owned = needed is not None and (needed or self._owned())
            return [each for each in found if each.key not in (needed or ())] if owned else ()
        job = self._store.get(owner)
        if job is None:
            # Asked again each time: the store may lose its memory while we sweep.
            return found if self._owned() else ()
        if job.prefix != prefix or not job.state.final:
            return ()
        if job.state is JobState.CANCELLED:
            return found
        kept = tuple(self._kept(job))
        return [each for each in found if not each.key.startswith(kept)]

    def _kept(self, job: Job) -> Iterator[str]:
        """Yield the prefixes of what a job in a final state still needs."""
        yield f"{job.prefix}input"
        yield f"{job.prefix}{GLOSSARY_NAME}"
        yield from (file.key for file in job.files)
        for unit in self._store.units(job.id):
            if unit.state is UnitState.DONE:
                yield f"{job.prefix}{unit.stage}/{unit.index}.{unit.attempt}/"

    def _delete(self, key: str) -> int:
        try:
            return self._artifacts.delete_prefix(key)
        except StorageFailure as error:
            telemetry.logger().warning("artifact not swept", artifact=key, code=error.code)
            return 0

    def _owned(self) -> bool:
        """Say whether the artifacts are those of this job store; nobody's become its own."""
        mine = self._store.identity().encode()
        try:
            return self._artifacts.get(_OWNER_KEY) == mine
        except NotFound:
            self._artifacts.put(_OWNER_KEY, mine)
            return True


def _prefix_of(stored: Stored) -> str:
    """Return the prefix of the job or upload that an artifact was written for; empty if it is nobody's."""
    match = _JOB_KEY.fullmatch(stored.key) or _UPLOAD_KEY.fullmatch(stored.key)
    return match["prefix"] if match else ""
