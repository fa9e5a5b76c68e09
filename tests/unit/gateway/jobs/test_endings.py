"""However the units of a call fare, it reaches one final state, and what it keeps fits that state."""

from __future__ import annotations

import json
import shutil
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.jobs.model import Job, JobState, UnitRecord, UnitState
from services.shared import tasks
from tests.unit.gateway import world as steps
from tests.unit.gateway.world import CALL_SPEC, TENANT, WAV, World

SCHEMA = json.loads((resources.files("services.gateway.jobs") / "result.schema.json").read_text())
OUTPUTS = st.sampled_from([["transcript"], ["subtitles"], ["audio"], ["transcript", "subtitles", "audio"]])
TEXTS = st.sampled_from(["", "Room 12.", "A --> B & <c>", "Sim, às 10:30, no quarto 1.234."])


def ready(world: World, job: Job) -> list[UnitRecord]:
    """Return the units that a worker could take."""
    return [unit for unit in world.store._entries[job.id].units.values() if unit.state is UnitState.READY]


def do(world: World, job: Job, unit: UnitRecord, draw: st.DrawFn) -> None:
    """Complete a unit as its worker would, with drawn contents."""
    match unit.stage:
        case tasks.DECODE:
            steps.decoded(world, job, channels=draw(st.integers(1, 2)))
        case tasks.SEGMENT:
            count = draw(st.integers(0, 3))
            spans = [(2000 * number, 2000 * number + 1500) for number in range(count)]
            steps.segmented(world, job, int(unit.index[1:]), spans)
        case tasks.TRANSCRIBE:
            steps.transcribed(world, job, unit.index, draw(TEXTS), draw(st.floats(0, 1)))
        case tasks.TRANSLATE:
            steps.translated(world, job, unit.index, draw(TEXTS))
        case tasks.SYNTHESIZE:
            steps.spoken(world, job, unit.index, draw(st.integers(0, 3000)))
        case tasks.ENCODE:
            steps.encoded(world, job)


@st.composite
def played(draw: st.DrawFn) -> tuple[World, Job]:
    """Return a world and a call in it with nothing left to run: units failed, or it was cancelled."""
    world = World(Path(tempfile.mkdtemp()))
    job = world.submit(CALL_SPEC | {"outputs": draw(OUTPUTS)}, WAV)
    fates = st.sampled_from(["done"] * 12 + ["dead"] * 2 + ["cancel"])
    while units := ready(world, job):
        unit = draw(st.sampled_from(units))
        fate = draw(fates)
        if fate == "done":
            do(world, job, unit, draw)
        elif fate == "dead":
            world.store.fail(job.id, (unit.stage, unit.index), "timeout")
        else:
            world.store.cancel(job.id)
    return world, job


def result_of(world: World, job: Job) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(b"".join(world.jobs.content(world.jobs.result(TENANT, job.id))))
    return document


@settings(deadline=None, max_examples=60)
@given(played())
def test_every_call_ends_in_one_state_that_its_files_and_reasons_fit(play: tuple[World, Job]) -> None:
    world, submitted = play
    job = world.done(submitted)
    assert job.state.final
    assert (job.error is not None) == (job.state is JobState.FAILED)
    assert bool(job.holes) == (job.state in {JobState.FAILED, JobState.PARTIALLY_SUCCEEDED}) or (
        job.state is JobState.CANCELLED
    )
    if job.state is JobState.CANCELLED:
        assert (job.files, world.kept()) == ((), [])
    elif job.state is JobState.FAILED:
        assert (job.files, f"{job.prefix}input" in world.kept()) == ((), True)
    else:
        result = result_of(world, job)
        jsonschema.validate(result, SCHEMA)
        assert result["needs_review"] == job.needs_review
        assert len(result["holes"]) == len(job.holes)
        assert {file.key for file in job.files} <= set(world.kept())
    assert world.done(submitted) == job
    shutil.rmtree(world.folder)
