"""Jobs for the ledger, a player for all their workers, and an audit of what the ledger must always hold."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import redis

from services.gateway.jobs.pipeline import PIPELINES
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Child, Claim, Failure, NewJob, Output, Policy, Unit
from services.shared.tasks import Hint

KINDS = tuple(sorted(PIPELINES))
OPEN = frozenset({"blocked", "ready", "leased"})
POISON = Failure(code="poison", detail="It cannot be done.", retryable=False, burns=True, delay_ms=0)

Parent = Callable[[Claim], tuple[Child, ...]]


def graph(kind: str) -> tuple[tuple[str, str], ...]:
    """Return the stages of a job kind, with every optional one."""
    return tuple((stage.name, stage.scope) for stage in PIPELINES[kind].stages)


def new_job(job: str = "job_1", kind: str = "speech_translation", tenant: str = "acme") -> NewJob:
    """Return a job to submit."""
    return NewJob(job, tenant, kind, "batch", graph(kind), {"kind": kind}, {"label": "blue"})


def two_channels(claim: Claim) -> tuple[Child, ...]:
    """Give a call two channels, and each channel two regions."""
    if claim.stage == "codec.decode":
        return (Child("c0", {"channel": 0}), Child("c1", {"channel": 1}))
    if claim.stage == "asr.segment":
        return tuple(Child(f"{claim.index}r{n}", {**claim.payload, "region": n}) for n in range(2))
    return ()


def silence(claim: Claim) -> tuple[Child, ...]:
    """Give a call two channels without a word on them."""
    return two_channels(claim) if claim.stage == "codec.decode" else ()


def hurried(ledger: Ledger) -> Ledger:
    """Return the same ledger where leases run out as soon as they are taken or renewed.

    So a test lets time pass without waiting: `hurried(ledger).renew(claim)` ends a claim's lease.
    """
    policy = replace(ledger.policy, lease_ms=-1)
    return Ledger(ledger._redis, ledger._prefix, policy)


def instant(ledger: Ledger, **changes: int) -> Ledger:
    """Return the same ledger where everything that is ready is due at once, and no lease runs out."""
    times = Policy(lease_ms=600_000, resend_ms=0, most_resend_ms=0, hold_ms=0)
    return Ledger(ledger._redis, ledger._prefix, replace(times, **changes))


def take(ledger: Ledger, unit: str) -> Claim:
    """Claim a unit that is to be had."""
    claim = ledger.claim(unit)
    assert claim is not None, unit
    return claim


def play(
    ledger: Ledger, hints: Iterable[Hint], parent: Parent = two_channels, poison: Iterable[str] = ()
) -> list[str]:
    """Run everything that follows from `hints`; return the units in the order they ran.

    Args:
        ledger: Where the job is.
        hints: To begin with.
        parent: Says what children a unit's completion creates.
        poison: Units that fail for good.
    """
    waiting, ran = list(hints), []
    while waiting:
        claim = ledger.claim(waiting.pop(0).unit)
        if claim is None:
            continue
        ran.append(claim.unit)
        if claim.unit in poison:
            waiting += ledger.fail(claim, POISON)
        else:
            waiting += ledger.complete(claim, Output({"by": claim.unit}, parent(claim)))
    return ran


def play_until(ledger: Ledger, hints: Iterable[Hint], stage: str) -> list[Hint]:
    """Run what follows from `hints` but for the units of `stage`; return the hints of those."""
    waiting, left = list(hints), []
    while waiting:
        hint = waiting.pop(0)
        if hint.stage == stage:
            left.append(hint)
        else:
            claim = take(ledger, hint.unit)
            waiting += ledger.complete(claim, Output({"by": claim.unit}, two_channels(claim)))
    return left


def states(ledger: Ledger, job: str = "job_1") -> dict[str, str]:
    """Return the state of each unit, by its name within the job."""
    return {unit.unit.partition(":")[2]: unit.state for unit in ledger.units(job)}


def finishing(ledger: Ledger) -> set[str]:
    """Return the jobs that wait for their final state, without taking them."""
    return {name for name, _ in _scores(ledger, "finishing")}


def fields(ledger: Ledger, job: str = "job_1") -> dict[str, str]:
    """Return the raw fields of a job that must be there."""
    found = ledger.job(job)
    assert found is not None, job
    return found


def audit(ledger: Ledger, jobs: Iterable[str]) -> None:
    """Check what must hold after every step: each counter and index says what the units themselves say."""
    every: list[Unit] = []
    for job in jobs:
        record, units = fields(ledger, job), ledger.units(job)
        every += units
        gathers = _gathering(record)
        waits = [unit for unit in units if unit.stage in gathers and unit.state == "blocked"]
        still_open = sum(unit.state in OPEN for unit in units) - len(waits)
        assert int(record["open"]) == still_open
        assert (job in finishing(ledger)) == (still_open == 0 and "finished_ms" not in record)
        assert not waits or still_open, "nothing would ever wake the gathering stage"
        _check_progress(record, units)
    _check_stages(ledger, every)
    alive = {unit.unit for unit in every if unit.state in {"ready", "leased"}}
    assert {name for name, _ in _scores(ledger, "due")} == alive


def left_over(ledger: Ledger, job: str) -> list[str]:
    """Return every key and index entry that still names a job."""
    client: redis.Redis = ledger._redis
    keys = [key for key in client.scan_iter(f"{ledger._prefix}*") if job in key]
    entries = [name for index in ("due", "finishing", "jobs:acme") for name, _ in _scores(ledger, index)]
    return keys + [name for name in entries if name.startswith(job)]


def _gathering(record: dict[str, str]) -> set[str]:
    nodes = json.loads(record["graph"])
    depth = {"job": 1, "channel": 2, "region": 3}
    return {
        after["stage"] for before, after in pairwise(nodes) if depth[after["scope"]] < depth[before["scope"]]
    }


def _check_progress(record: dict[str, str], units: list[Unit]) -> None:
    for node in json.loads(record["graph"]):
        stage = node["stage"]
        mine = Counter(unit.state for unit in units if unit.stage == stage)
        assert int(record.get(f"total:{stage}", 0)) == mine.total()
        assert int(record.get(f"done:{stage}", 0)) == mine["done"]
        assert int(record.get(f"dead:{stage}", 0)) == mine["dead"]


def _check_stages(ledger: Ledger, units: list[Unit]) -> None:
    stages = ledger.stages()
    for stage in {unit.stage for unit in units} | stages.keys():
        mine = Counter(unit.state for unit in units if unit.stage == stage)
        counts = stages.get(stage, {})
        assert counts.get("ready", 0) == mine["ready"]
        assert counts.get("leased", 0) == mine["leased"]
        assert counts.get("done", 0) >= mine["done"]


def _scores(ledger: Ledger, index: str) -> list[tuple[str, float]]:
    found: Any = ledger._redis.zrange(ledger._key(index), 0, -1, withscores=True)
    return [(name, score) for name, score in found]
