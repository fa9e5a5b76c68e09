"""A simulated day of calls: the policy beside the best fixed sizes and the best queue-length rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from typing import Any, Final

from tests.bench import autoscaling_plot
from tests.bench.autoscaling_day import DAY_S, calls_of_a_day
from tests.bench.autoscaling_rules import Fixed, Policy, QueueRule, Rule
from tests.bench.autoscaling_run import ENOUGH, Outcome, run_day
from tests.bench.report import Bars, Result, Row, spread

_SEEDS: Final = (1, 2, 3)
_PEAK_PER_H: Final = 900.0
# What the queue-length rule is tried with: slot time per replica; window of a decrease, and fewest replicas.
_UNITS_S: Final = (30.0, 40.0, 45.0, 50.0, 60.0)
_WINDOWS: Final = ((300.0, 0), (300.0, 1), (600.0, 1), (900.0, 1))
# Slots of load at the usual peak, per service and replica: the shape that fixed sizes start from.
_SHAPE: Final = {"asr": 5.0, "translation": 0.25, "tts": 10.7, "codec": 2.2}
_SCALES: Final = (0.9, 1.0, 1.1, 1.2, 1.4, 1.7)
_TRIMMED: Final = ("tts", "asr")
_WAYS: Final = ("policy", "fixed", "queue rule")


def run() -> Result:
    """Simulate the days; every way but the policy is tuned to each day, knowing it."""
    with ProcessPoolExecutor() as pool:
        days = [_day(pool, seed) for seed in _SEEDS]
    found = {way: [day[way][1] for day in days] for way in _WAYS}
    autoscaling_plot.draw({way: found[way][0] for way in _WAYS})
    policy = found["policy"]
    ratios = {
        way: [mine.gpu_hours / other.gpu_hours for mine, other in zip(policy, found[way], strict=True)]
        for way in _WAYS[1:]
    }
    rows = [
        *(_row(f"{way}: {name}", unit, found[way], pick) for way in _WAYS for name, unit, pick in _FIGURES),
        Row("policy: time met", "share", spread([each.time_met for each in policy]), f">= {ENOUGH}"),
        Row("policy: calls met", "share", spread([each.jobs_met for each in policy]), f">= {ENOUGH}"),
        *(Row(f"policy: GPU-hours of {way}", "ratio", spread(each), "< 1") for way, each in ratios.items()),
    ]
    hours = {way: spread([each.gpu_hours for each in found[way]]).median for way in _WAYS}
    return Result(
        "autoscaling",
        tuple(rows),
        (Bars("GPU-hours of a day, drain target met", "GPU-hours", hours),),
        {"days": [{way: _shown(*day[way]) for way in _WAYS} for day in days]},
    )


_FIGURES: Final[tuple[tuple[str, str, Callable[[Outcome], float]], ...]] = (
    ("GPU-hours", "h", lambda each: each.gpu_hours),
    ("replica-hours", "h", lambda each: each.replica_hours),
    ("calls within the target", "share", lambda each: each.jobs_met),
    ("time within the target", "share", lambda each: each.time_met),
    ("p99 of a call", "s", lambda each: each.p99_s),
    ("changes of size", "number", lambda each: float(each.changes)),
)

Tried = tuple[str, Outcome]


def _day(pool: Executor, seed: int) -> Mapping[str, Tried]:
    simulate = partial(_simulate, seed)
    policy = pool.submit(simulate, Policy())
    rules = {
        f"{unit_s:g} s per replica, window {window_s:g} s, at least {least}": QueueRule(
            unit_s, window_s, least
        )
        for unit_s in _UNITS_S
        for window_s, least in _WINDOWS
    }
    queues = dict(zip(rules, pool.map(simulate, rules.values()), strict=True))
    return {
        "policy": ("defaults", policy.result()),
        "fixed": _best_fixed(pool, simulate),
        "queue rule": _cheapest(queues),
    }


def _best_fixed(pool: Executor, simulate: Callable[[Rule], Outcome]) -> Tried:
    """Size for the day as a whole, then take away what it does not miss."""
    sizes = [{name: math.ceil(load * scale) for name, load in _SHAPE.items()} for scale in _SCALES]
    outcomes = list(pool.map(simulate, [Fixed(each) for each in sizes]))
    met = [at for at, outcome in enumerate(outcomes) if outcome.met]
    best = min(met, key=lambda at: outcomes[at].gpu_hours) if met else len(sizes) - 1
    size, outcome = sizes[best], outcomes[best]
    for service in _TRIMMED:
        while size[service] > 1:
            fewer = {**size, service: size[service] - 1}
            tried = simulate(Fixed(fewer))
            if not tried.met:
                break
            size, outcome = fewer, tried
    return ", ".join(f"{name} {count}" for name, count in size.items()), outcome


def _cheapest(tried: Mapping[str, Outcome]) -> Tried:
    """Return the cheapest that meets the target; the one that comes closest when none does."""
    met = {name: each for name, each in tried.items() if each.met}
    if met:
        return min(met.items(), key=lambda item: item[1].gpu_hours)
    return max(tried.items(), key=lambda item: min(item[1].jobs_met, item[1].time_met))


def _simulate(seed: int, rule: Rule) -> Outcome:
    return run_day(calls_of_a_day(seed, _PEAK_PER_H), rule, seed, DAY_S)


def _row(name: str, unit: str, outcomes: list[Outcome], pick: Callable[[Outcome], float]) -> Row:
    return Row(name, unit, spread([pick(each) for each in outcomes]))


def _shown(setting: str, outcome: Outcome) -> dict[str, Any]:
    return {"setting": setting, **{k: v for k, v in asdict(outcome).items() if k != "trace"}}
