"""Why a person should look."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from services.asr.engines.base import Caution
from services.gateway.jobs.policy import ReviewPolicy
from services.gateway.jobs.review import (
    CODES,
    NOTES,
    counted,
    of_entities,
    of_recognition,
    of_speech,
    reasons,
)

STRICT = ReviewPolicy(0.8, 0.7, 100, 0.0)


def entity(*, match: bool | None, confidence: float | None = 0.9) -> dict[str, Any]:
    return {"match": match, "confidence": confidence}


@pytest.mark.parametrize(("confidence", "policy", "doubtful"), [
    (0.49, ReviewPolicy(), True),
    (0.5, ReviewPolicy(), False),
    (0.5, STRICT, True),
])  # fmt: skip
def test_weak_recognition_is_told(confidence: float, policy: ReviewPolicy, *, doubtful: bool) -> None:
    assert of_recognition(confidence, policy) == ["low_confidence"] * doubtful


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([], []),
        ([entity(match=True)], []),
        ([entity(match=None)], []),
        ([entity(match=True), entity(match=False)], ["entity_mismatch"]),
        ([entity(match=True, confidence=0.1)], ["entity_uncertain"]),
        ([entity(match=None, confidence=0.1)], ["entity_uncertain"]),
        ([entity(match=False, confidence=None)], ["entity_mismatch"]),
    ],
)
def test_an_entity_that_changed_or_was_hardly_heard_is_told(
    found: list[dict[str, Any]], told: list[str]
) -> None:
    assert of_entities(found, ReviewPolicy()) == told


@pytest.mark.parametrize(
    ("rate", "match", "policy", "differs"),
    [
        (0.0, True, ReviewPolicy(), False),
        (0.0, False, ReviewPolicy(), True),
        (0.25, True, ReviewPolicy(), False),
        (0.26, True, ReviewPolicy(), True),
        (0.01, True, STRICT, True),
        (0.9, True, ReviewPolicy(max_word_error_rate=1), False),
    ],
)
def test_of_speech_that_was_heard_again_the_policy_says_what_differs(
    rate: float, policy: ReviewPolicy, *, match: bool, differs: bool
) -> None:
    heard = {"word_error_rate": rate, "entities_match": match, "passes": 2}
    for warned in ([], ["speech_mismatch"]):
        assert of_speech(warned, {"heard": heard}, policy) == ["speech_mismatch"] * differs


def test_what_a_stage_says_of_speech_stays() -> None:
    assert of_speech(["not_verified", "slot_overrun"], {"heard": None}, ReviewPolicy()) == [
        "not_verified",
        "slot_overrun",
    ]
    assert of_speech(["nothing_to_speak"], None, ReviewPolicy()) == ["nothing_to_speak"]


@pytest.mark.parametrize(("delay_ms", "late"), [(300, False), (301, True)])
def test_speech_may_be_a_little_late(delay_ms: int, *, late: bool) -> None:
    speech = {"heard": None, "delay_ms": delay_ms}
    assert of_speech([], speech, ReviewPolicy()) == ["speech_late"] * late
    assert of_speech([], speech, STRICT) == ["speech_late"]


def test_notes_and_what_is_ignored_are_no_reason_and_nothing_is_one_twice() -> None:
    warnings = [*sorted(NOTES), "fell_back", "repetition", "fell_back", "of_a_later_version"]
    assert reasons(warnings, ReviewPolicy(ignored=("repetition",))) == ["fell_back", "of_a_later_version"]


def test_reasons_are_counted_over_the_parts_of_a_job() -> None:
    assert counted([["b", "a"], ["b"], []]) == {"a": 1, "b": 2}


def test_every_code_that_a_policy_may_ignore_is_explained_and_no_other(repository: Path) -> None:
    page = (repository / "services/gateway/jobs/FORMAT.md").read_text(encoding="utf-8")
    rows = page.partition("## Reasons to look")[2].splitlines()
    cells = [row.split("|")[1] for row in rows if row.startswith("| `")]
    assert {code for cell in cells for code in re.findall(r"`(\w+)`", cell)} == CODES


def test_a_policy_may_ignore_whatever_recognition_warns_of() -> None:
    assert {*Caution} <= CODES
