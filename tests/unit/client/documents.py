"""What a gateway says, for the client's tests."""

from __future__ import annotations

import json
from typing import Any

JOB: dict[str, Any] = {
    "id": "job_1",
    "kind": "speech_translation",
    "state": "running",
    "created_at": "2026-01-02T03:04:05Z",
    "progress": {"codec.decode": {"done": 1, "total": 1}},
    "usage": {"codec.decode": {"busy_ms": 120}},
    "audio_ms": 43827,
    "queue": {"position": 3, "eta_ms": None},
    "files": [{"name": "result.json", "media_type": "application/json", "size_bytes": 17}],
    "version": 4,
    "something_newer": True,
}
DONE = JOB | {"state": "succeeded", "finished_at": "2026-01-02T03:04:15Z", "version": 5}
BUSY = {"code": "redis_unavailable", "detail": "Wait."}
RESULT: dict[str, Any] = {
    "schema_version": "1",
    "job": "job_1",
    "kind": "speech_translation",
    "models": {"asr.transcribe": [{"name": "tiny", "revision": "1"}]},
    "holes": [],
    "needs_review": False,
    "duration_ms": 4000,
    "channels": [
        {
            "index": 0,
            "role": "agent",
            "source_language": "en",
            "target_language": "pt-BR",
            "identical_to": None,
            "warnings": [],
            "regions": [
                {
                    "start_ms": 600,
                    "end_ms": 1600,
                    "source": {
                        "text": "Room 12",
                        "confidence": 0.9,
                        "words": [{"text": "Room", "start_ms": 600, "end_ms": 900, "confidence": 0.8}],
                    },
                    "translation": {"text": "Quarto 12", "model": "m", "revision": "1"},
                    "speech": None,
                    "entities": [{"kind": "number", "source": "12", "target": "12", "match": True}],
                    "warnings": [],
                    "needs_review": False,
                }
            ],
        }
    ],
}


def event(document: dict[str, Any], number: int | None = None) -> bytes:
    """Return a server-sent event."""
    named = b"" if number is None else f"id: {number}\n".encode()
    return named + f"event: job\ndata: {json.dumps(document)}\n\n".encode()
