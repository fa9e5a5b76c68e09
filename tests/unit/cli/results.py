"""Result documents and jobs for the CLI's tests."""

from __future__ import annotations

from typing import Any

from dragoman import Job


def region(
    start_ms: int, text: str, translation: str | None = None, *, review: bool = False
) -> dict[str, Any]:
    return {
        "start_ms": start_ms,
        "end_ms": start_ms + 1000,
        "source": {"text": text, "confidence": 0.9, "words": []},
        "translation": None if translation is None else {"text": translation},
        "needs_review": review,
    }


def channel(index: int, role: str | None, languages: tuple[str, str | None], *regions: Any) -> dict[str, Any]:
    return {
        "index": index,
        "role": role,
        "source_language": languages[0],
        "target_language": languages[1],
        "identical_to": None,
        "regions": list(regions),
    }


def call() -> dict[str, Any]:
    """A call of two channels and three turns."""
    agent = channel(
        0,
        "agent",
        ("en", "pt-BR"),
        region(600, "Good morning.", "Bom dia."),
        region(65_000, "Goodbye.", "Até logo."),
    )
    turn = region(4_504, "Pedido [47] dois.", "Order [47] two.", review=True)
    customer = channel(1, "customer", ("pt-BR", "en"), turn)
    return {"schema_version": "1", "channels": [agent, customer]}


def job(**changes: Any) -> Job:
    """A finished job of 40 s of audio that took 10 s."""
    document = {
        "id": "job_1",
        "kind": "speech_translation",
        "state": "succeeded",
        "created_at": "2026-01-02T03:04:05Z",
        "finished_at": "2026-01-02T03:04:15Z",
        "progress": {"codec.decode": {"done": 1, "total": 1}, "asr.transcribe": {"done": 2, "total": 2}},
        "usage": {"asr.transcribe": {"busy_ms": 4200}},
        "audio_ms": 40_000,
    }
    return Job.model_validate(document | changes)
