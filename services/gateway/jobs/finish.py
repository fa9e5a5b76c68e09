"""Brings a job with nothing left to run to its final state, and writes what its owner may fetch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from services.gateway.jobs import states, subtitles
from services.gateway.jobs.model import File, JobError, JobOutcome, JobState, UnitState
from services.gateway.jobs.model import Final as Ending
from services.gateway.jobs.outputs import DOCUMENTS
from services.gateway.jobs.ports import JobStore
from services.gateway.jobs.result import compose
from services.gateway.jobs.service import RESULT_NAME
from services.shared import telemetry
from services.shared.artifacts.base import ArtifactStore
from services.shared.errors import NotFound, StorageFailure

_LOST: Final = JobError(
    "artifact_lost", "A file of the job is gone from the store, or damaged: submit it again."
)
_DEFECT: Final = JobError(
    "internal_error", "The result could not be put together; the reconciler's log says where."
)
_SUBTITLE_TYPES: Final = {"srt": "application/x-subrip", "vtt": "text/vtt"}


class Finisher:
    """Finishes jobs. Several may try the same job: what they write is the same, and one of them wins."""

    def __init__(self, store: JobStore, artifacts: ArtifactStore) -> None:
        self._store = store
        self._artifacts = artifacts

    def finish(self, job_id: str) -> None:
        """Finish a job, if nothing of it is left to run.

        Raises:
            StorageFailure: for now; try again later.
        """
        outcome = self._store.outcome(job_id)
        if outcome is None:
            return
        about: dict[str, str] = {"dragoman.job": job_id, "dragoman.kind": outcome.job.kind}
        with telemetry.span("finish job", attributes=about, parent=outcome.job.trace):
            ending = self._end(outcome)
            telemetry.mark({"dragoman.state": ending.state})

    def _end(self, outcome: JobOutcome) -> Ending:
        ending = self._ending(outcome)
        if ending.state is JobState.CANCELLED:
            # Before the state: were it after, a crash in between would leave them for good.
            # A failed job keeps all that it has: a retry goes on from there.
            self._artifacts.delete_prefix(outcome.job.prefix)
        if self._store.finish(outcome.job.id, replace(ending, version=outcome.job.version)):
            for hole in outcome.job.holes:
                telemetry.DEAD_UNITS.labels(hole.stage, hole.code).inc()
        else:
            self._clean_up_after_losing(outcome)
        return ending

    def _clean_up_after_losing(self, outcome: JobOutcome) -> None:
        """Delete what was just written, if meanwhile the job was cancelled or erased."""
        job = self._store.get(outcome.job.id)
        if job is None or job.state in {JobState.CANCELLED, JobState.CANCELLING}:
            self._artifacts.delete_prefix(outcome.job.prefix)

    def _ending(self, outcome: JobOutcome) -> Ending:
        cancelled = outcome.job.state is JobState.CANCELLING
        state = states.final_state(outcome.units, cancelled=cancelled)
        if state is JobState.CANCELLED:
            return Ending(state)
        if state is JobState.FAILED:
            return Ending(state, error=states.first_error(outcome.units))
        try:
            return self._with_result(outcome, state)
        except (NotFound, StorageFailure) as failure:
            if isinstance(failure, StorageFailure) and failure.code != "artifact_corrupt":
                raise
            # What is lost does not come back: the job must still end.
            return Ending(JobState.FAILED, error=_LOST)
        except (LookupError, TypeError, ValueError) as defect:
            telemetry.logger().exception(
                "result not composed", job=outcome.job.id, error=type(defect).__name__
            )
            return Ending(JobState.FAILED, error=_DEFECT)

    def _with_result(self, outcome: JobOutcome, state: JobState) -> Ending:
        result = compose(outcome, dict(self._documents(outcome)))
        texts = {RESULT_NAME: json.dumps(result, ensure_ascii=False, indent=1)}
        if "subtitles" in outcome.spec.get("outputs", ()):
            texts |= subtitles.subtitles(result)
        # Of this version: a finisher that comes late must not write over the files of a later end.
        prefix = f"{outcome.job.prefix}files/{outcome.job.version}/"
        written = [self._write(prefix, name, text) for name, text in texts.items()]
        return Ending(
            state,
            files=(*written, *_stage_files(outcome)),
            needs_review=result["needs_review"],
        )

    def _documents(self, outcome: JobOutcome) -> Iterator[tuple[str, Any]]:
        for unit in outcome.units:
            for name in DOCUMENTS:
                if key := (unit.output or {}).get(name):
                    yield key, json.loads(self._artifacts.get(key))
        if outcome.job.kind == "text_translation":
            key = outcome.spec["input"]["key"]
            yield key, self._artifacts.get(key).decode()

    def _write(self, prefix: str, name: str, text: str) -> File:
        key = f"{prefix}{name}"
        stored = self._artifacts.put(key, text.encode())
        extension = name.rpartition(".")[2]
        return File(name, key, _SUBTITLE_TYPES.get(extension, "application/json"), stored.size_bytes)


def _stage_files(outcome: JobOutcome) -> Iterator[File]:
    """Yield the files that stages made for the client."""
    for unit in outcome.units:
        for file in _files(unit.output) if unit.state is UnitState.DONE else ():
            yield File(file["name"], file["key"], file["media_type"], file["size_bytes"])


def _files(output: Mapping[str, Any] | None) -> tuple[Mapping[str, Any], ...]:
    return tuple((output or {}).get("files", ()))
