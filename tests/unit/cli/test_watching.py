"""Progress, and what a job cost."""

from __future__ import annotations

import io

from rich.console import Console

from dragoman import Job
from services.cli import watching
from services.cli.client import connect
from services.cli.settings import CliSettings
from tests.support.stub_gateway import StubGateway
from tests.unit.cli.results import job


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def costs(finished: Job) -> list[list[str]]:
    console = Console(file=io.StringIO(), width=100)
    console.print(watching.costs(finished))
    return [line.rsplit(maxsplit=2) for line in shown(console).splitlines()]


def test_costs_name_audio_wall_time_factor_and_the_time_per_stage() -> None:
    assert [[part.strip() for part in line] for line in costs(job())] == [
        ["audio", "40.0", "s"],
        ["wall time", "10.0", "s"],
        ["real-time", "factor", "0.25"],
        ["busy in asr.transcribe", "4.2", "s"],
    ]


def test_a_job_without_audio_has_no_real_time_factor() -> None:
    assert [line[0].strip() for line in costs(job(audio_ms=None, usage={}))] == ["wall time"]


def test_watching_shows_each_stage_of_the_job_and_returns_how_it_ended(gateway: StubGateway) -> None:
    stream = "".join(
        f"data: {each.model_dump_json()}\n\n"
        for each in (job(state="running", finished_at=None, progress=_progress(0, 0)), job())
    )
    gateway.say("GET /v1/jobs/job_1", job(progress=_progress(0, 0)).model_dump(mode="json"))
    gateway.say_bytes("GET /v1/jobs/job_1/events", stream.encode(), "text/event-stream")
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    with connect(CliSettings()) as opened:
        ended = watching.watch(opened, "job_1", console)
    assert ended.state == "succeeded"
    assert "codec.decode" in shown(console)
    assert "asr.transcribe" in shown(console)
    assert "2/2" in shown(console)
    assert "tts.synthesize" not in shown(console)


def _progress(done: int, total: int) -> dict[str, dict[str, int]]:
    return {stage: {"done": done, "total": total} for stage in ("codec.decode", "asr.transcribe")}
