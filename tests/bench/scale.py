"""Throughput per worker as workers are added to a long queue, what fills Redis, and hints per unit."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from services.shared.ledger.records import Child, Claim, Node
from services.shared.tasks import DECODE, TRANSLATE
from tests.bench import noop_worker, plane
from tests.bench.plane import Plane
from tests.bench.plane_worker import region
from tests.bench.report import Bars, Result, Row, spread
from tests.faults.member import Member
from tests.support.waiting import until

_SIZES: Final = (1, 2, 4, 8, 16)
_UNIT_MS: Final = 250
_PARTS: Final = 4
_PART_S: Final = 5.0
_WARM_UNITS: Final = 4
_START_S: Final = 120.0

# Regions queued at first; the windows use up some 3,000 of them.
_JOBS, _CHANNELS, _REGIONS = 14, 10, 100
_QUEUED: Final = _JOBS * _CHANNELS * _REGIONS
# The stages before them are of a service that has no worker.
_SLEEPING: Final = (Node(DECODE, "job"), Node("codec.segment", "channel"), Node(TRANSLATE, "region"))

_BURSTS: Final = 3
_BURST_JOBS: Final = 25
_BURST_UNITS: Final = _BURST_JOBS * noop_worker.UNITS_PER_JOB
_BURST_WORKERS: Final = 2

_RESENT: Final = "dragoman_resent_hints_total"
_IDLE: Final = "dragoman_idle_hints_total"
_RUN: Final = "dragoman_stage_seconds_count"


@dataclass(frozen=True, slots=True)
class Window:
    """What some workers did in a while.

    Attributes:
        workers: How many there were.
        rates: Units per second and worker, of each part of the window.
        redis_ms: Redis's processor time per unit.
        queued: Regions that still waited at its end.
    """

    workers: int
    rates: list[float]
    redis_ms: float
    queued: int


@dataclass(frozen=True, slots=True)
class Burst:
    """What units that do nothing cost.

    Attributes:
        rate: Units per second.
        redis_ms: Redis's processor time per unit, all that a job costs beside its units included.
        worker_ms: The workers' processor time per unit.
        hints: Sent per unit, by everybody.
    """

    rate: float
    redis_ms: float
    worker_ms: float
    hints: float


def run() -> Result:
    """Measure sleeping workers on a long queue, then workers that are never idle."""
    with plane.running() as up:
        _fill(up)
        up.start(plane.RECONCILER)
        workers: list[Member] = []
        windows = [_window(up, workers, size) for size in _SIZES]
        done, resent = up.done(TRANSLATE), up.metric(_RESENT)
        for worker in workers:
            worker.end()
        bursts = _bursts(up)
        idle = up.metric(_IDLE)
    return Result(
        "scale",
        (
            *_scale(windows),
            Row("regions queued, fewest", "count", spread([each.queued for each in windows]), ">= 10000"),
            Row("hints per unit, long queue", "count", spread([(done + resent) / done]), "<= 1.2"),
            Row("hints per unit, burst", "count", spread([each.hints for each in bursts]), "<= 1.2"),
            *_limits(windows, bursts),
        ),
        (_plot(windows),),
        {"unit_ms": _UNIT_MS, "resent_hints_long_queue": resent, "idle_hints": idle},
    )


def _fill(up: Plane) -> None:
    """Queue regions, doing the stages before them here."""

    def children(claim: Claim) -> Sequence[Child]:
        if claim.stage == DECODE:
            return [Child(f"c{number}", {}) for number in range(_CHANNELS)]
        return [region(claim.index, number) for number in range(_REGIONS)]

    for _ in range(_JOBS):
        up.submit("bench", "decode", _SLEEPING, {"unit_ms": (_UNIT_MS, _UNIT_MS)})
    up.play("codec", children)
    assert up.ledger.waiting()["translation"] == _QUEUED


def _window(up: Plane, workers: list[Member], size: int) -> Window:
    while len(workers) < size:
        workers.append(up.start(plane.WORKER, "translation", "1"))
    until(lambda: all(worker.metric(_RUN) >= _WARM_UNITS for worker in workers), _START_S)
    redis_s, first, rates = up.redis_cpu_s(), up.done(TRANSLATE), []
    for _ in range(_PARTS):
        began, done = time.perf_counter(), up.done(TRANSLATE)
        time.sleep(_PART_S)
        rates.append((up.done(TRANSLATE) - done) / (time.perf_counter() - began) / size)
    redis_ms = (up.redis_cpu_s() - redis_s) * 1000 / (up.done(TRANSLATE) - first)
    return Window(size, rates, redis_ms, up.ledger.waiting()["translation"])


def _bursts(up: Plane) -> list[Burst]:
    workers = [up.start("tests.bench.noop_worker", "service") for _ in range(_BURST_WORKERS)]
    up.await_idle(_BURST_WORKERS)
    _burst(up, workers)
    return [_burst(up, workers) for _ in range(_BURSTS)]


def _burst(up: Plane, workers: Sequence[Member]) -> Burst:
    hints = up.sent_hints()
    redis_s, workers_s = up.redis_cpu_s(), sum(plane.cpu_s(worker) for worker in workers)
    began = time.perf_counter()
    for _ in range(_BURST_JOBS):
        up.submit("burst", "decode", noop_worker.GRAPH, {})
    until(lambda: up.ledger.backlog("burst")[1] == 0)
    wall_s, redis_s = time.perf_counter() - began, up.redis_cpu_s() - redis_s
    workers_s = sum(plane.cpu_s(worker) for worker in workers) - workers_s
    return Burst(
        _BURST_UNITS / wall_s,
        redis_s * 1000 / _BURST_UNITS,
        workers_s * 1000 / _BURST_UNITS,
        (up.sent_hints() - hints) / _BURST_UNITS,
    )


def _scale(windows: Sequence[Window]) -> Iterator[Row]:
    for each in windows:
        yield Row(f"{_named(each)}: each", "units/s", spread(each.rates))
    one = statistics.mean(windows[0].rates)
    for each in windows[1:]:
        ratios = [rate / one for rate in each.rates]
        yield Row(f"{_named(each)}: each, over one", "ratio", spread(ratios), ">= 0.9")


def _limits(windows: Sequence[Window], bursts: Sequence[Burst]) -> Iterator[Row]:
    full = [1000 / each.redis_ms for each in bursts]
    yield Row("burst: rate", "units/s", spread([each.rate for each in bursts]))
    yield Row("burst: worker CPU per unit", "ms", spread([each.worker_ms for each in bursts]))
    yield Row("burst: Redis CPU per unit", "ms", spread([each.redis_ms for each in bursts]))
    yield Row(f"{_named(windows[-1])}: Redis CPU per unit", "ms", spread([windows[-1].redis_ms]))
    busy = [1000 / each.worker_ms for each in bursts]
    yield Row("rate that fills a core of workers", "units/s", spread(busy))
    yield Row("rate that fills Redis's one core", "units/s", spread(full))
    slots = spread([rate * _UNIT_MS / 1000 for rate in full])
    yield Row(f"slots with {_UNIT_MS} ms units that fill it", "count", slots)


def _plot(windows: Sequence[Window]) -> Bars:
    one = statistics.mean(windows[0].rates)
    heights = {_named(each): statistics.median(each.rates) / one for each in windows}
    return Bars("Throughput per worker, over that of one", "ratio", heights, 0.9)


def _named(window: Window) -> str:
    return f"{window.workers} worker" + ("s" if window.workers > 1 else "")
