"""Half a simulated day: the policy meets the drain target, with less than sizes that are always enough."""

from __future__ import annotations

import pytest

from tests.bench.autoscaling_day import calls_of_a_day
from tests.bench.autoscaling_rules import Fixed, Policy, QueueRule, Rule
from tests.bench.autoscaling_run import Outcome, run_day

SEED, PEAK_PER_H, UNTIL_S = 5, 300.0, 13 * 3600.0


def simulate(rule: Rule) -> Outcome:
    return run_day(calls_of_a_day(SEED, PEAK_PER_H, UNTIL_S), rule, SEED, UNTIL_S)


@pytest.fixture(scope="module")
def policy() -> Outcome:
    """A night, a morning and a burst at night, under the policy."""
    return simulate(Policy())


def test_the_drain_target_is_met(policy: Outcome) -> None:
    assert policy.jobs_met >= 0.99
    assert policy.time_met >= 0.99


def test_it_costs_less_than_the_least_fixed_sizes_that_meet_the_target(policy: Outcome) -> None:
    assert not simulate(Fixed({"asr": 3, "translation": 1, "tts": 3, "codec": 1})).met
    assert not simulate(Fixed({"asr": 2, "translation": 1, "tts": 6, "codec": 1})).met
    fixed = simulate(Fixed({"asr": 3, "translation": 1, "tts": 4, "codec": 1}))
    assert fixed.met
    assert policy.gpu_hours < 0.7 * fixed.gpu_hours


def test_it_costs_less_than_a_queue_rule_that_just_meets_the_target(policy: Outcome) -> None:
    assert not simulate(QueueRule(60.0, 300.0, 1)).met
    queue = simulate(QueueRule(40.0, 300.0, 1))
    assert queue.met
    assert policy.gpu_hours < 0.8 * queue.gpu_hours


def test_the_same_day_goes_the_same_way(policy: Outcome) -> None:
    assert simulate(Policy()) == policy
