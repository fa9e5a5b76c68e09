"""Whose turn it is: interactive before batch, tenants one after another, and a tenant's oldest job first."""

from __future__ import annotations

from dataclasses import replace

from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Child, Output
from services.shared.tasks import DECODE
from tests.support.calls import audit, begin, hurried, instant, new_job, take


def submit(ledger: Ledger, job: str, tenant: str = "acme", priority: str = "batch") -> None:
    ledger.submit(replace(new_job(job, "decode", tenant), priority=priority))


def order(ledger: Ledger, most: int = 100) -> list[str]:
    """Claim until nothing is ready; return the jobs in turn."""
    claimed: list[str] = []
    while len(claimed) < most and (claim := ledger.claim("codec")):
        claimed.append(claim.job)
    return claimed


def test_interactive_jobs_come_before_batch_ones(ledger: Ledger) -> None:
    for n in range(3):
        submit(ledger, f"job_{n}")
    submit(ledger, "job_9", priority="interactive")
    assert order(ledger) == ["job_9", "job_0", "job_1", "job_2"]


def test_tenants_take_turns_however_long_their_queues_are(ledger: Ledger) -> None:
    for n in range(5):
        submit(ledger, f"job_a{n}", "acme")
    for n in range(2):
        submit(ledger, f"job_b{n}", "brook")
    submit(ledger, "job_c0", "crane")
    turns = [job[4] for job in order(ledger)]
    assert turns == ["a", "b", "c", "a", "b", "a", "a", "a"]


def test_a_tenant_that_comes_late_waits_for_one_unit_of_each_other_one(ledger: Ledger) -> None:
    for n in range(50):
        submit(ledger, f"job_a{n}", "acme")
    order(ledger, most=10)
    submit(ledger, "job_b0", "brook")
    assert "job_b0" in order(ledger, most=2)


def test_a_tenants_oldest_job_is_finished_before_its_next_one_goes_on(ledger: Ledger) -> None:
    for job in ("job_1", "job_2"):
        ledger.submit(new_job(job))
        ledger._redis.hset(ledger._key("job", job), "created_ms", int(job[-1]))
    second, first = (take(ledger, f"{job}:{DECODE}:job") for job in ("job_2", "job_1"))
    for claim in (second, first):
        ledger.complete(claim, Output({}, (Child("c0", {}), Child("c1", {}))))
    claims = [ledger.claim("asr") for _ in range(4)]
    assert [claim.job for claim in claims if claim] == ["job_1", "job_1", "job_2", "job_2"]
    audit(ledger, ["job_1", "job_2"])


def test_the_regions_of_a_call_come_in_the_order_of_time(ledger: Ledger) -> None:
    ledger.submit(new_job())
    ledger.complete(take(ledger, f"job_1:{DECODE}:job"), Output({}, (Child("c0", {}),)))
    regions = tuple(Child(f"c0r{n}", {}) for n in reversed(range(12)))
    ledger.complete(take(ledger, "job_1:asr.segment:c0"), Output({}, regions))
    claims = [ledger.claim("asr") for _ in range(12)]
    assert [claim.index for claim in claims if claim] == [f"c0r{n}" for n in range(12)]


def test_a_unit_that_comes_back_takes_its_old_place(ledger: Ledger) -> None:
    for n in range(3):
        ledger.submit(new_job(f"job_{n}", "decode"))
        ledger._redis.hset(ledger._key("job", f"job_{n}"), "created_ms", n)
    take(hurried(ledger), f"job_0:{DECODE}:job")
    ledger.due(10)
    assert order(instant(ledger))[0] == "job_0"


def test_every_unit_that_waits_is_counted_for_its_service(ledger: Ledger) -> None:
    begin(ledger)
    assert ledger.waiting() == {"codec": 1}
    ledger.complete(take(ledger, f"job_1:{DECODE}:job"), Output({}, (Child("c0", {}), Child("c1", {}))))
    assert ledger.waiting() == {"codec": 0, "asr": 2}
    ledger.cancel("job_1")
    assert ledger.waiting() == {"codec": 0, "asr": 0}
