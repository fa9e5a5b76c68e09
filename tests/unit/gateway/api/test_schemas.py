"""The JSON that clients see."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from services.gateway.api.schemas import JobView
from services.gateway.jobs.ids import new_job_id
from services.gateway.jobs.model import File, Hole, Job, JobError, JobState, Progress
from services.shared import tasks

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def job() -> Job:
    """Return a job with every field set."""
    return Job(
        id=new_job_id(),
        tenant="secret-tenant",
        kind="transcription",
        state=JobState.FAILED,
        created_at=MOMENT,
        started_at=MOMENT,
        finished_at=MOMENT,
        priority="interactive",
        metadata={"call": "42"},
        progress={tasks.DECODE: Progress(1, 1)},
        error=JobError("timeout", "Send it again."),
        holes=(Hole(tasks.TRANSCRIBE, "c0r0", "timeout"),),
        usage={tasks.DECODE: {"busy_ms": 12}},
        audio_ms=60_000,
        files=(File("result.json", "secret-tenant/k", "application/json", 12),),
        needs_review=True,
        version=7,
        source="https://files.example.com",
    )


def test_a_job_is_shown_with_the_names_that_clients_know() -> None:
    made = job()
    assert json.loads(JobView.of(made).model_dump_json()) == {
        "id": made.id,
        "kind": "transcription",
        "state": "failed",
        "created_at": "2026-01-02T03:04:05Z",
        "started_at": "2026-01-02T03:04:05Z",
        "finished_at": "2026-01-02T03:04:05Z",
        "priority": "interactive",
        "metadata": {"call": "42"},
        "progress": {"codec.decode": {"done": 1, "total": 1}},
        "error": {"code": "timeout", "detail": "Send it again."},
        "holes": [{"stage": "asr.transcribe", "index": "c0r0", "code": "timeout"}],
        "usage": {"codec.decode": {"busy_ms": 12}},
        "audio_ms": 60_000,
        "files": [
            {
                "name": "result.json",
                "media_type": "application/json",
                "size_bytes": 12,
                "url": f"/v1/jobs/{made.id}/artifacts/result.json",
            }
        ],
        "needs_review": True,
        "version": 7,
        "source_url": "https://files.example.com",
        "queue": None,
    }


def test_neither_tenants_nor_artifact_keys_are_shown() -> None:
    assert "secret-tenant" not in JobView.of(job()).model_dump_json()
