"""How long a tenant's calls take beside another tenant's backlog, next to no backlog and to plain FIFO."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from services.shared.tasks import ENCODE, SERVICES
from tests.bench import plane
from tests.bench.ideal import Call, Ideal, Shape
from tests.bench.plane import Plane
from tests.bench.report import Bars, Result, Row, spread
from tests.support.calls import nodes
from tests.support.waiting import until

_KIND: Final = "speech_translation"
_CHANNELS, _REGIONS = 2, 2

_BACKLOG: Final = 1_000
# What the workers take off it meanwhile.
_SPARE: Final = 500
_FIFO_BACKLOG: Final = 100
_FIFO_CALLS: Final = 5
# After so many calls of a backlog every stage has work.
_STEADY: Final = 10
_GIVE_UP_S: Final = 240.0

_Offer = list[tuple[float, str]]


@dataclass(frozen=True, slots=True)
class Setting:
    """How many slots there are, and what is offered to them.

    Attributes:
        slots: Per service.
        unit_ms: Least and most length of a unit. Units of one length would all end at once; real ones do not.
        calls: Of the small tenant.
        gaps_s: Least and most seconds between two of them.
    """

    slots: int
    unit_ms: tuple[int, int]
    calls: int
    gaps_s: tuple[float, float]


# Twice the slots with units of twice the length: the same rate, so that the cores matter no more.
_FEW: Final = Setting(8, (125, 375), 20, (1.0, 2.5))
_MORE: Final = Setting(16, (250, 750), 10, (2.0, 5.0))


@dataclass(frozen=True, slots=True)
class Scene:
    """What the small tenant saw.

    Attributes:
        times_s: From acceptance to final state of each of its calls.
        ahead: Unfinished calls of the big tenant at the moment each was accepted.
    """

    times_s: list[float]
    ahead: list[int]

    @property
    def p95_s(self) -> float:
        """Of its times."""
        return spread(self.times_s).p95


_Scenes = dict[str, Scene]


def run() -> Result:
    """Offer the same calls in several scenes."""
    with _workers(_FEW) as up:
        few = {
            "alone": _offer(up, _FEW, _now_and_then(_FEW, "small")),
            "light load": _offer(up, _FEW, sorted(_now_and_then(_FEW, "small") + _now_and_then(_FEW, "big"))),
            "FIFO": _behind(up, _FEW, _FIFO_BACKLOG, _now_and_then(_FEW, "big")[:_FIFO_CALLS]),
            "backlog": _behind(up, _FEW, _BACKLOG + _SPARE, _now_and_then(_FEW, "small")),
        }
    with _workers(_MORE) as up:
        more = {
            "alone": _offer(up, _MORE, _now_and_then(_MORE, "small")),
            "backlog": _behind(up, _MORE, _BACKLOG + _SPARE, _now_and_then(_MORE, "small")),
        }
    ratios = tuple(_ratios(few, more))
    rows = (*_times(_FEW, few), *_times(_MORE, more), *_ahead(few, more), *ratios)
    shown = {row.name: row.value.median for row in ratios if "FIFO" not in row.name}
    plot = Bars("p95 of a small tenant's calls, over alone", "ratio", shown, 1.2)
    return Result("fairness", rows, (plot,), {"few": _details(_FEW), "more": _details(_MORE)})


@contextmanager
def _workers(setting: Setting) -> Iterator[Plane]:
    """Have a worker of every service up and warm."""
    with plane.running() as up:
        for service in SERVICES:
            up.start(plane.WORKER, service, str(setting.slots))
        up.await_idle(len(SERVICES))
        up.start(plane.RECONCILER)
        _offer(up, setting, [(0.0, "warm")] * setting.slots)
        yield up


def _now_and_then(setting: Setting, tenant: str) -> _Offer:
    """Return when a tenant submits; the same in each scene."""
    chance = random.Random(tenant)  # noqa: S311 - spreads arrivals, guards nothing
    at_s, offer = 0.0, []
    for _ in range(setting.calls):
        at_s += chance.uniform(*setting.gaps_s)
        offer.append((at_s, tenant))
    return offer


def _behind(up: Plane, setting: Setting, backlog: int, offer: _Offer) -> Scene:
    """Offer calls once the big tenant's backlog is being worked off in every stage."""
    done = up.done(ENCODE)
    for number in range(backlog):
        _submit(up, setting, "big", f"backlog {number}")
    until(lambda: up.done(ENCODE) >= done + _STEADY)
    return _offer(up, setting, offer)


def _offer(up: Plane, setting: Setting, offer: _Offer) -> Scene:
    """Submit calls when they are due; return what became of the small tenant's, or of all if none is its."""
    measured = {"small"} & {owner for _, owner in offer} or {owner for _, owner in offer}
    began, jobs, ahead = time.monotonic(), list[str](), list[int]()
    for at_s, owner in offer:
        time.sleep(max(0.0, began + at_s - time.monotonic()))
        unfinished = up.ledger.backlog("big")[1]
        job = _submit(up, setting, owner, f"call {len(jobs)}")
        if owner in measured:
            jobs.append(job)
            ahead.append(unfinished)
    until(lambda: all("finished_ms" in (up.ledger.job(job) or {}) for job in reversed(jobs)), _GIVE_UP_S)
    return Scene([_took_s(up, job) for job in jobs], ahead)


def _submit(up: Plane, setting: Setting, tenant: str, seed: str) -> str:
    spec = {"seed": seed, "unit_ms": setting.unit_ms, "channels": _CHANNELS, "regions": _REGIONS}
    return up.submit(tenant, _KIND, nodes(_KIND), spec)


def _took_s(up: Plane, job: str) -> float:
    fields = up.ledger.job(job)
    assert fields is not None
    assert fields["state"] == "succeeded", fields
    return (int(fields["finished_ms"]) - int(fields["created_ms"])) / 1000


def _fifo_s(fifo: Scene) -> list[float]:
    """Return how long FIFO calls would take behind the whole backlog: each call ahead costs the same."""
    return [took * _BACKLOG / ahead for took, ahead in zip(fifo.times_s, fifo.ahead, strict=True)]


def _ideal(setting: Setting) -> float:
    """Return the ratio of the two p95 with a scheduler that costs nothing, over many calls."""
    offer = [at_s for at_s, _ in _now_and_then(replace(setting, calls=200), "small")]
    backlog = [Call(0.0, "big", f"backlog {number}") for number in range(5 * _BACKLOG)]
    shape = Shape(nodes(_KIND), _CHANNELS, _REGIONS, setting.unit_ms)
    p95_s = []
    for others in ([], backlog):
        # Later than the backlog, when every stage has work.
        small = [Call(10 + at_s, "small", f"call {number}") for number, at_s in enumerate(offer)]
        Ideal(setting.slots, shape).run([*others, *small])
        p95_s.append(spread([call.took_s for call in small]).p95)
    return p95_s[1] / p95_s[0]


def _times(setting: Setting, scenes: _Scenes) -> Iterator[Row]:
    for name, scene in scenes.items():
        yield Row(f"a call, {setting.slots} slots, {name}", "s", spread(scene.times_s))


def _ahead(few: _Scenes, more: _Scenes) -> Iterator[Row]:
    yield Row("calls ahead, FIFO", "count", spread(few["FIFO"].ahead))
    yield Row(f"a call, FIFO behind {_BACKLOG}, computed", "s", spread(_fifo_s(few["FIFO"])))
    fewest = min(few["backlog"].ahead + more["backlog"].ahead)
    yield Row("calls ahead, backlog, fewest", "count", spread([fewest]), f">= {_BACKLOG}")


def _ratios(few: _Scenes, more: _Scenes) -> Iterator[Row]:
    alone, light, beside = (few[name].p95_s for name in ("alone", "light load", "backlog"))
    fifo = spread(_fifo_s(few["FIFO"])).p95
    yield _ratio("p95 of FIFO, computed, over alone", fifo / alone)
    yield _ratio("p95 beside light load, over alone", light / alone)
    yield _ratio("p95 beside the backlog, over light load", beside / light)
    for setting, scenes in ((_FEW, few), (_MORE, more)):
        name = f"p95 beside the backlog, {setting.slots} slots"
        yield _ratio(name, scenes["backlog"].p95_s / scenes["alone"].p95_s, "<= 1.2")
        yield _ratio(f"{name}, ideal", _ideal(setting))


def _ratio(name: str, value: float, target: str = "") -> Row:
    return Row(name, "ratio", spread([value]), target)


def _details(setting: Setting) -> dict[str, object]:
    mean_ms = sum(setting.unit_ms) / 2
    return {
        "slots_per_service": setting.slots,
        "unit_ms": setting.unit_ms,
        "a_call_without_any_wait_s": len(nodes(_KIND)) * mean_ms / 1000,
        "a_slot_comes_free_every_ms": mean_ms / setting.slots,
    }
