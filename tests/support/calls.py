"""Jobs for the ledger, a player for all their workers, and an audit of what the ledger must always hold."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import redis

from services.gateway.jobs.pipeline import PIPELINES
from services.shared.ledger.accounts import Use
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import (
    Child,
    Claim,
    Failure,
    NewJob,
    Node,
    Output,
    Policy,
    Submitted,
    Unit,
)
from services.shared.tasks import PRIORITIES, SERVICES, service_of

KINDS = tuple(sorted(PIPELINES))
OPEN = frozenset({"blocked", "ready", "leased"})
POISON = Failure(code="poison", detail="It cannot be done.", retryable=False, cost="failure", delay_ms=0)

Parent = Callable[[Claim], tuple[Child, ...]]


def graph(kind: str) -> tuple[tuple[str, str], ...]:
    """Return the stages and scopes of a job kind, with every optional one."""
    return tuple((stage.name, stage.scope) for stage in PIPELINES[kind].stages)


def nodes(kind: str) -> tuple[Node, ...]:
    """Return the graph of a job kind, with every optional stage."""
    return tuple(Node(stage.name, stage.scope, stage.attempts) for stage in PIPELINES[kind].stages)


def new_job(job: str = "job_1", kind: str = "speech_translation", tenant: str = "acme") -> NewJob:
    """Return a job to submit."""
    return NewJob(job, tenant, kind, "batch", nodes(kind), {"kind": kind}, {"label": "blue"})


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
    """Return the same ledger where no lease runs out, and nobody keeps anything to himself."""
    times = Policy(lease_ms=600_000, hold_ms=0)
    return Ledger(ledger._redis, ledger._prefix, replace(times, **changes))


def begin(ledger: Ledger, new: NewJob | None = None) -> str:
    """Submit a job; return its first unit."""
    return ledger.units(ledger.submit(new or new_job()).job)[0].unit


def claim_of(ledger: Ledger, unit: str) -> Claim | None:
    """Claim one certain unit, None when it is not to be had: let it be the first in turn, then claim."""
    record = ledger.unit(unit)
    job = ledger.job(unit.partition(":")[0])
    if record is None or job is None:
        return None
    kind = f"{service_of(record.stage)}:{job['priority']}"
    ring, queue = ledger._key("ring", kind), ledger._key("ready", kind, job["tenant"])
    if ledger._redis.zscore(queue, unit) is None:
        return None
    ledger._redis.zadd(queue, {unit: -1})
    ledger._redis.lrem(ring, 1, job["tenant"])
    ledger._redis.lpush(ring, job["tenant"])
    claim = ledger.claim(service_of(record.stage))
    assert claim is not None, unit
    assert claim.unit == unit, "an interactive job came first"
    return claim


def take(ledger: Ledger, unit: str) -> Claim:
    """Claim a unit that is to be had."""
    claim = claim_of(ledger, unit)
    assert claim is not None, unit
    return claim


def ready(ledger: Ledger, job: str = "job_1", stage: str | None = None) -> list[str]:
    """Return the units of a job that wait for a worker."""
    return [unit.unit for unit in ledger.units(job, stage) if unit.state == "ready"]


def play(
    ledger: Ledger, submitted: Submitted, parent: Parent = two_channels, poison: Iterable[str] = ()
) -> list[str]:
    """Run all of a job that can run; return the units in the order they ran.

    Args:
        ledger: Where the job is.
        submitted: The job.
        parent: Says what children a unit's completion creates.
        poison: Units that fail for good.
    """
    ran: list[str] = []
    while waiting := ready(ledger, submitted.job):
        for unit in waiting:
            claim = take(ledger, unit)
            ran.append(unit)
            if unit in poison:
                ledger.fail(claim, POISON)
            else:
                ledger.complete(claim, Output({"by": unit}, parent(claim)))
    return ran


def play_until(ledger: Ledger, submitted: Submitted, stage: str) -> list[str]:
    """Run all of a job that can run but for the units of `stage`; return those."""
    while waiting := [unit for unit in ready(ledger, submitted.job) if unit.split(":")[1] != stage]:
        for unit in waiting:
            claim = take(ledger, unit)
            ledger.complete(claim, Output({"by": unit}, two_channels(claim)))
    return ready(ledger, submitted.job, stage)


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
    _check_queues(ledger, every)
    unfinished = Counter(fields(ledger, job)["tenant"] for job in jobs if not over(ledger, job))
    assert ledger.backlog("")[0] == unfinished.total()
    assert {tenant: ledger.backlog(tenant)[1] for tenant in unfinished} == unfinished
    _check_storage(ledger, jobs)


def over(ledger: Ledger, job: str) -> bool:
    """Say whether a job has reached a final state."""
    return "finished_ms" in fields(ledger, job)


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
        audio_ms = Counter[str]()
        for unit in units:
            audio_ms[unit.state] += unit.audio_ms if unit.stage == stage else 0
        for state in ("ready", "leased"):
            assert counts.get(state, 0) == mine[state]
            assert counts.get(f"{state}_ms", 0) == audio_ms[state]
        assert counts.get("done", 0) >= mine["done"]


def _check_storage(ledger: Ledger, jobs: Iterable[str]) -> None:
    """What a tenant keeps is what its jobs keep."""
    kept = Counter[str]()
    for job in jobs:
        record = fields(ledger, job)
        kept[record["tenant"]] += int(record["stored_bytes"])
    counted: Any = ledger._redis.hgetall(ledger._key("storage"))
    assert {tenant: int(count) for tenant, count in counted.items()} == {
        tenant: count for tenant, count in kept.items() if count
    }


def used(ledger: Ledger, tenant: str = "acme") -> dict[str, Use]:
    """Return what a tenant used around now, per stage; a test may run over midnight."""
    day = ledger.now().date()
    total: dict[str, Use] = {}
    for stages in ledger.accounts.use(tenant, [day - timedelta(1), day, day + timedelta(1)]).values():
        for stage, use in stages.items():
            total[stage] = total.get(stage, Use()) + use
    return total


def heard(ledger: Ledger, tenant: str = "acme") -> int:
    """Return the audio in ms that counted for a tenant's month, around now."""
    day = ledger.now().date()
    months = {f"{day + timedelta(days):%Y-%m}" for days in (-1, 0, 1)}
    found: Any = ledger._redis.mget([ledger._key("audio", tenant, month) for month in months])
    return sum(int(count or 0) for count in found)


def _check_queues(ledger: Ledger, units: list[Unit]) -> None:
    """Each ready unit waits for a worker or for its time, each leased one for the end of its lease."""
    due = {name for name, _ in _scores(ledger, "due")}
    queued: list[str] = []
    for service in SERVICES:
        mine: list[str] = []
        for priority in PRIORITIES:
            ring: Any = ledger._redis.lrange(ledger._key("ring", service, priority), 0, -1)
            assert len(ring) == len(set(ring))
            queues = {tenant: _scores(ledger, f"ready:{service}:{priority}:{tenant}") for tenant in ring}
            assert all(queues.values()), "a tenant without a unit is in the ring"
            mine += [name for queue in queues.values() for name, _ in queue]
        assert ledger.waiting().get(service, 0) == len(mine)
        queued += mine
    assert len(queued) == len(set(queued))
    assert due.isdisjoint(queued)
    leased = {unit.unit for unit in units if unit.state == "leased"}
    assert due | set(queued) == leased | {unit.unit for unit in units if unit.state == "ready"}
    assert leased <= due


def _scores(ledger: Ledger, index: str) -> list[tuple[str, float]]:
    found: Any = ledger._redis.zrange(ledger._key(index), 0, -1, withscores=True)
    return [(name, score) for name, score in found]
