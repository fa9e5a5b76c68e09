"""The stage graphs."""

from __future__ import annotations

import pytest

from services.gateway.jobs.pipeline import PIPELINES, Pipeline, Scope, Stage
from services.gateway.jobs.result import _COMPOSERS
from services.gateway.jobs.spec import kinds
from services.shared import tasks


def test_every_kind_has_a_spec_a_pipeline_and_a_result() -> None:
    assert set(PIPELINES) == set(kinds()) == set(_COMPOSERS)


@pytest.mark.parametrize("kind", PIPELINES)
def test_a_pipeline_begins_with_one_unit_and_runs_each_stage_once(kind: str) -> None:
    stages = PIPELINES[kind].stages
    names = [stage.name for stage in stages]
    assert stages[0].scope == "job"
    assert set(names) <= set(tasks.STAGES)
    assert len(names) == len(set(names))


def test_a_call_without_audio_output_is_neither_spoken_nor_encoded() -> None:
    stages = PIPELINES["speech_translation"].stages_for(["transcript"])
    assert [stage.name for stage in stages] == [
        tasks.DECODE, tasks.SEGMENT, tasks.TRANSCRIBE, tasks.TRANSLATE
    ]  # fmt: skip


def test_a_call_with_every_output_goes_through_every_stage() -> None:
    stages = PIPELINES["speech_translation"].stages_for(["transcript", "subtitles", "audio"])
    assert tuple(stage.name for stage in stages) == tasks.MODEL_STAGES


@pytest.mark.parametrize(
    "scopes",
    [
        ["job", "channel", "job", "job"],
        ["job", "channel", "job", "channel"],
        ["job", "channel", "job", "channel", "job"],
        ["job", "channel", "region", "channel"],
    ],
    ids=["not last", "fans out again", "twice", "not of the job"],
)
def test_what_the_ledger_cannot_gather_is_refused_at_definition(scopes: list[Scope]) -> None:
    with pytest.raises(ValueError, match="must be the last stage"):
        Pipeline(tuple(Stage(str(at), scope) for at, scope in enumerate(scopes)))


@pytest.mark.parametrize(
    "scopes", [[], ["job"], ["job", "job"], ["job", "region", "job"], ["job", "channel", "channel", "region"]]
)
def test_any_other_order_of_scopes_is_a_pipeline(scopes: list[Scope]) -> None:
    Pipeline(tuple(Stage(str(at), scope) for at, scope in enumerate(scopes)))


@pytest.mark.parametrize("attempts", [0, -1, 11])
def test_a_budget_without_chance_or_end_is_refused_at_definition(attempts: int) -> None:
    with pytest.raises(ValueError, match="1 to 10"):
        Stage(tasks.DECODE, "job", attempts=attempts)


def test_what_a_whole_job_hangs_on_is_tried_more_often_than_one_region() -> None:
    budgets = {stage.name: stage.attempts for stage in PIPELINES["speech_translation"].stages}
    assert min(budgets[tasks.DECODE], budgets[tasks.ENCODE]) > max(
        budgets[tasks.TRANSCRIBE], budgets[tasks.TRANSLATE], budgets[tasks.SYNTHESIZE]
    )
