"""When a person should look, by what was set when the job was submitted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.gateway.jobs.policy import OwnPolicy, ReviewPolicy
from services.gateway.jobs.service import JobService, Ports
from services.shared import tasks
from tests.unit.gateway import world as steps
from tests.unit.gateway.jobs.test_result import SPEC, call, composed, dead, done, transcript, translation
from tests.unit.gateway.world import TENANT, TEXT_SPEC, RiffProbe, World

SOUND = {"kind": "music", "start_ms": 12_000, "end_ms": 40_000}


def under(policy: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """Return the result of a call whose job keeps a policy."""
    units, documents = call()
    return composed("speech_translation", units, documents | changed, SPEC | {"review": policy})


@pytest.mark.parametrize(
    ("policy", "changed", "reasons"),
    [
        ({"min_confidence": 0.95}, {}, ["low_confidence"]),
        ({"min_entity_confidence": 0.85}, {}, ["entity_uncertain"]),
        ({"min_confidence": 0.2}, {"t": transcript("Room 12", confidence=0.3)}, []),
        ({"ignored": ["entity_mismatch"]}, {"u": translation("Quarto 13")}, []),
        ({"of_a_later_version": 1}, {}, []),
    ],
)
def test_a_job_is_held_to_the_policy_that_it_keeps(
    policy: dict[str, Any], changed: dict[str, Any], reasons: list[str]
) -> None:
    result = under(policy, **changed)
    (region,) = result["channels"][0]["regions"]
    assert (region["review_reasons"], result["needs_review"]) == (reasons, bool(reasons))


def test_what_is_ignored_is_still_warned_of() -> None:
    result = under({"ignored": ["entity_mismatch"]}, u=translation("Quarto 13"))
    assert result["channels"][0]["regions"][0]["warnings"] == ["entity_mismatch"]


def test_a_hole_may_be_ignored_like_anything_else() -> None:
    units, documents = call()
    units = [*units[:3], dead(tasks.TRANSCRIBE, "c0r0", "timeout", **units[3].payload), units[6]]
    spec = SPEC | {"review": {"ignored": ["hole"]}}
    result = composed("speech_translation", units, documents, spec)
    assert (len(result["holes"]), result["needs_review"]) == (1, False)


def test_a_channel_keeps_its_sounds() -> None:
    units, documents = call()
    sounds = [SOUND, {"kind": "dtmf", "start_ms": 1, "end_ms": 2, "digits": "42#"},
              {"kind": "crosstalk", "start_ms": 3, "end_ms": 4, "of": 0}]  # fmt: skip
    units[1] = done(tasks.SEGMENT, "c1", {"language": "pt", "sounds": sounds}, **SPEC["channels"][1])
    channels = composed("speech_translation", units, documents)["channels"]
    assert [channel["sounds"] for channel in channels] == [[], sounds]


def test_what_a_tenant_has_not_set_is_the_installations() -> None:
    own = OwnPolicy(min_confidence=0.0, ignored=())
    assert own.over(ReviewPolicy(max_delay_ms=7, ignored=("hole",))) == ReviewPolicy(0.0, max_delay_ms=7)
    assert OwnPolicy().over(ReviewPolicy()) == ReviewPolicy.of({}) == ReviewPolicy()


class Changing:
    """A policy that a test changes."""

    now = ReviewPolicy(ignored=("entity_mismatch",))

    def policy(self, tenant: str) -> ReviewPolicy:
        assert tenant == TENANT
        return self.now


def test_a_later_change_does_not_touch_a_job(world: World) -> None:
    policies = Changing()
    ports = Ports(
        world.store, world.artifacts, world.dispatched, world.abilities, RiffProbe(), policies=policies
    )
    world.jobs = JobService(ports)
    seen = []
    for policy in (policies.now, ReviewPolicy()):
        policies.now = policy
        job = world.submit(TEXT_SPEC)
        policies.now = ReviewPolicy()
        steps.translated(world, job, "job", "Quarto 13")
        seen.append(world.done(job).needs_review)
        assert "review" not in json.dumps(world.jobs.get(TENANT, job.id).metadata)
    assert seen == [False, True]
