"""One simulated day under one rule, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from services.shared.tasks import SERVICES
from tests.bench.autoscaling_day import Calls, Floats
from tests.bench.autoscaling_rules import SYNC_S, Fixed, Rule, applied
from tests.bench.autoscaling_world import STEP_S, World

DRAIN_TARGET_S: Final = 300.0
ENOUGH: Final = 0.99
# Codec runs on processors.
GPU_SERVICES: Final = ("asr", "translation", "tts")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A day's figures.

    Attributes:
        jobs_met: Share of the calls that were done within DRAIN_TARGET_S.
        time_met: Share of the moments whose whole backlog was done within DRAIN_TARGET_S.
        gpu_hours: Hours of replicas of GPU_SERVICES, cold starts and drains included.
        replica_hours: The same of all services.
        changes: How often a service's size changed.
        p99_s: Time that 99 of 100 calls took at most.
        trace: Rows of time, unfinished audio in seconds, replicas of GPU_SERVICES; every ten minutes' worst.
    """

    jobs_met: float
    time_met: float
    gpu_hours: float
    replica_hours: float
    changes: int
    p99_s: float
    trace: list[tuple[float, float, int]] = field(repr=False)

    @property
    def met(self) -> bool:
        """Whether both shares are high enough."""
        return self.jobs_met >= ENOUGH and self.time_met >= ENOUGH


def run_day(calls: Calls, rule: Rule, seed: int, until_s: float) -> Outcome:
    """Simulate from midnight until `until_s` has passed and every call is done."""
    fleets = dict(rule.replicas) if isinstance(rule, Fixed) else {"codec": 1}
    world = World(calls, seed, fleets)
    trace: list[tuple[float, float, int]] = []
    decided_s = -SYNC_S
    while world.now_s < until_s or (world.busy and world.now_s < until_s + 7200):
        if world.now_s - decided_s >= SYNC_S:
            decided_s = world.now_s
            for service, wanted in rule.wanted(world).items():
                fleet = world.fleets[service]
                size = applied(len(fleet.ready_s), wanted)
                fleet.resize(size, world.now_s, world.random)
        if world.now_s % 60 < STEP_S:
            backlog_s = sum(audio_s for _, audio_s in world.units().values())
            replicas = sum(len(world.fleets[service].ready_s) for service in GPU_SERVICES)
            trace.append((world.now_s, backlog_s, replicas))
        world.step()
    return _outcome(calls, world, trace, until_s)


def _outcome(calls: Calls, world: World, trace: list[tuple[float, float, int]], until_s: float) -> Outcome:
    took_s = world.finished_s - calls.at_s
    hours = {service: world.fleets[service].hours for service in SERVICES}
    return Outcome(
        jobs_met=float((took_s <= DRAIN_TARGET_S).mean()),
        time_met=_time_met(calls.at_s, world.finished_s, until_s),
        gpu_hours=sum(hours[service] for service in GPU_SERVICES),
        replica_hours=sum(hours.values()),
        changes=sum(fleet.changes for fleet in world.fleets.values()),
        p99_s=float(np.quantile(took_s, 0.99)),
        trace=trace,
    )


def _time_met(at_s: Floats, finished_s: Floats, until_s: float) -> float:
    """A moment is good when every call that had come by then was done DRAIN_TARGET_S later."""
    moments_s = np.arange(0, until_s, STEP_S)
    late = np.zeros(len(moments_s), dtype=bool)
    for came_s, done_s in zip(at_s, finished_s, strict=True):
        if done_s - came_s > DRAIN_TARGET_S:
            late |= (moments_s >= came_s) & (moments_s + DRAIN_TARGET_S < done_s)
    return float(1 - late.mean())
