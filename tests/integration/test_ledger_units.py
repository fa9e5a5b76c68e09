"""One unit has one effect, however often it is claimed, completed, failed, lost or hinted at."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from services.shared.errors import Cancelled
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Child, Claim, Failure, Node, Output, Submitted
from services.shared.tasks import DECODE, SERVICES, Hint
from tests.support.calls import (
    POISON,
    audit,
    begin,
    claim_of,
    fields,
    finishing,
    hurried,
    instant,
    new_job,
    play,
    states,
    take,
)

FLAKY = Failure(code="flaky", detail="Try again.", retryable=True, cost="failure", delay_ms=0)
BROKEN = replace(FLAKY, code="connection_lost", cost="loss")
AWAY = replace(FLAKY, code="unavailable", cost="none")
ATTEMPTS = 3
LATER_MS = 3_600_000


@pytest.fixture
def unit(ledger: Ledger) -> str:
    """The first unit of a call, ready."""
    return begin(ledger)


def test_submitting_twice_changes_nothing_and_sends_nothing(ledger: Ledger) -> None:
    play(ledger, ledger.submit(new_job()))
    before = fields(ledger), states(ledger)
    assert ledger.submit(new_job(kind="speech")) == Submitted("accepted", "job_1")
    assert (fields(ledger), states(ledger)) == before


def test_a_submitted_job_is_queued_until_its_first_claim(ledger: Ledger, unit: str) -> None:
    assert fields(ledger)["state"] == "queued"
    take(ledger, unit)
    assert fields(ledger)["state"] == "running"
    assert fields(ledger)["started_ms"] >= fields(ledger)["created_ms"]


def test_of_many_claims_at_once_one_succeeds(ledger: Ledger, unit: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(ledger.claim, ["codec"] * 40))
    assert [claim.unit for claim in claims if claim is not None] == [unit]
    audit(ledger, ["job_1"])


def test_a_claim_repeated_by_its_holder_is_the_same_claim(ledger: Ledger, unit: str) -> None:
    ledger.submit(new_job("job_2"))
    first, second = (ledger._run("claim", "codec", "holder", 60_000) for _ in range(2))
    # All but how long the unit waited, which goes on.
    waited = 9
    assert first[:waited] + first[waited + 1 :] == second[:waited] + second[waited + 1 :]
    assert first[:2] == ["claimed", unit]
    audit(ledger, ["job_1", "job_2"])


def test_a_claim_repeated_after_its_unit_was_settled_takes_nothing(ledger: Ledger, unit: str) -> None:
    ledger.submit(new_job("job_2"))
    ledger._run("claim", "codec", "holder", 60_000)
    ledger.due(10)
    ledger._redis.hset(ledger._key("unit", unit), "holder", "another")
    assert ledger._run("claim", "codec", "holder", 60_000) == ["none"]


def test_a_claim_where_nothing_is_ready_takes_nothing(ledger: Ledger, unit: str) -> None:
    assert ledger.claim("asr") is None
    take(ledger, unit)
    assert ledger.claim("codec") is None
    audit(ledger, ["job_1"])


def test_completing_twice_creates_children_once(ledger: Ledger, unit: str) -> None:
    claim = take(ledger, unit)
    output = Output({"n": 1}, (Child("c0", {}),))
    assert len(ledger.complete(claim, output)) == 1
    assert ledger.complete(claim, output) == ()
    assert len(ledger.units("job_1", "asr.segment")) == 1
    audit(ledger, ["job_1"])


def test_completing_again_after_the_job_ended_is_still_no_error(ledger: Ledger) -> None:
    claim = take(ledger, begin(ledger, new_job(kind="decode")))
    ledger.complete(claim, Output({"n": 1}))
    ledger.finish("job_1", "succeeded", {})
    assert ledger.complete(claim, Output({"n": 2})) == ()
    assert ledger.units("job_1")[0].output == {"n": 1}


def test_a_late_writer_is_fenced_off(ledger: Ledger, unit: str) -> None:
    late = take(hurried(ledger), unit)
    ledger.due(100)
    on_time = take(ledger, unit)
    assert (late.attempt, on_time.attempt, on_time.failures) == (1, 2, 0)
    assert not ledger.renew(late).held
    with pytest.raises(Cancelled) as caught:
        ledger.complete(late, Output({"late": True}))
    assert caught.value.code == "lost"
    with pytest.raises(Cancelled):
        ledger.fail(late, POISON)
    ledger.complete(on_time, Output({"late": False}))
    with pytest.raises(Cancelled):
        ledger.complete(late, Output({"late": True}))
    assert ledger.units("job_1", DECODE)[0].output == {"late": False}
    audit(ledger, ["job_1"])


def test_a_worker_whose_lease_ran_out_unnoticed_may_still_complete(ledger: Ledger, unit: str) -> None:
    claim = take(hurried(ledger), unit)
    ledger.complete(claim, Output({}))
    assert states(ledger)[f"{DECODE}:job"] == "done"
    assert ledger.due(100).expired == 0
    audit(ledger, ["job_1"])


def test_a_renewed_lease_holds_the_unit(ledger: Ledger, unit: str) -> None:
    claim = take(hurried(ledger), unit)
    assert instant(ledger).renew(claim).held
    assert ledger.due(100).expired == 0


def test_a_lease_that_ran_out_gives_the_unit_to_the_next_worker(ledger: Ledger, unit: str) -> None:
    take(hurried(ledger), unit)
    due = ledger.due(100)
    assert (due.hints, due.expired) == ((Hint("codec"),), 1)
    assert take(ledger, unit).attempt == 2
    audit(ledger, ["job_1"])


def test_a_unit_that_loses_every_worker_dies(ledger: Ledger, unit: str) -> None:
    for _ in range(ledger.policy.max_losses):
        take(hurried(ledger), unit)
        ledger.due(100)
    assert claim_of(ledger, unit) is None
    assert ledger.units("job_1", DECODE)[0].error_code == "worker_lost"
    audit(ledger, ["job_1"])


def test_a_unit_that_breaks_every_server_dies(ledger: Ledger, unit: str) -> None:
    for _ in range(ledger.policy.max_losses):
        assert ledger.units("job_1", DECODE)[0].state == "ready"
        ledger.fail(take(ledger, unit), BROKEN)
    assert ledger.units("job_1", DECODE)[0].error_code == "connection_lost"


def test_a_unit_dies_at_the_last_failure_that_its_stage_allows(ledger: Ledger, unit: str) -> None:
    unit = begin(ledger, replace(new_job("job_2", "decode"), graph=(Node(DECODE, "job", attempts=ATTEMPTS),)))
    for attempt in range(1, ATTEMPTS + 1):
        claim = take(ledger, unit)
        assert (claim.attempt, claim.failures) == (attempt, attempt - 1)
        hints = ledger.fail(claim, FLAKY)
        audit(ledger, ["job_1", "job_2"])
    assert hints == ()
    assert (ledger.units("job_2")[0].state, ledger.units("job_2")[0].error_code) == ("dead", "flaky")


def test_each_stage_has_a_budget_of_its_own(ledger: Ledger) -> None:
    frail = (Node(DECODE, "job", attempts=1),)
    unit = begin(ledger, replace(new_job(kind="decode"), graph=frail))
    ledger.fail(take(ledger, unit), FLAKY)
    assert states(ledger) == {f"{DECODE}:job": "dead"}


def test_a_service_that_is_away_never_kills_a_unit(ledger: Ledger, unit: str) -> None:
    for _ in range(20):
        assert ledger.fail(take(ledger, unit), AWAY) == (Hint("codec"),)
    claim = take(ledger, unit)
    assert claim.failures == 0
    ledger.complete(claim, Output({}))
    audit(ledger, ["job_1"])


def test_a_service_that_stays_away_ends_the_unit_when_patience_does(ledger: Ledger, unit: str) -> None:
    hasty = instant(ledger, patience_ms=0)
    hasty.fail(take(hasty, unit), AWAY)
    assert ledger.units("job_1")[0].error_code == "unavailable"


def test_a_failure_that_cannot_be_mended_kills_at_once(ledger: Ledger, unit: str) -> None:
    ledger.fail(take(ledger, unit), POISON)
    record = ledger.units("job_1")[0]
    assert (record.state, record.error_code, record.error_detail) == ("dead", "poison", "It cannot be done.")


def test_a_unit_waits_out_its_delay_without_a_hint(ledger: Ledger, unit: str) -> None:
    assert ledger.fail(take(ledger, unit), replace(FLAKY, delay_ms=LATER_MS)) == ()
    assert claim_of(ledger, unit) is None
    assert instant(ledger).due(100).hints == ()
    audit(ledger, ["job_1"])
    ledger._redis.zadd(ledger._key("due"), {unit: 0})  # its time has come
    assert ledger.due(100).hints == (Hint("codec"),)
    audit(ledger, ["job_1"])
    assert take(ledger, unit).attempt == 2
    audit(ledger, ["job_1"])


def test_a_claim_says_how_long_its_unit_was_ready(ledger: Ledger) -> None:
    began = ledger.now()
    unit = begin(ledger)
    ledger._redis.hincrby(ledger._key("unit", unit), "ready_ms", -LATER_MS)
    waited_ms = take(ledger, unit).waited_ms
    most = ledger.now() - began
    assert LATER_MS <= waited_ms <= LATER_MS + most.total_seconds() * 1000 + 1


def test_the_delay_of_a_unit_that_failed_is_no_wait(ledger: Ledger, unit: str) -> None:
    ledger.fail(take(ledger, unit), replace(FLAKY, delay_ms=LATER_MS))
    ledger._redis.hincrby(ledger._key("unit", unit), "ready_ms", -LATER_MS)  # its time has come
    ledger._redis.zadd(ledger._key("due"), {unit: 0})
    ledger.due(100)
    assert take(ledger, unit).waited_ms < LATER_MS


def test_due_takes_no_more_than_it_was_asked_for(ledger: Ledger) -> None:
    for n in range(5):
        take(hurried(ledger), begin(ledger, new_job(f"job_{n}")))
    assert len(ledger.due(2).hints) == 2
    assert len(ledger.due(100).hints) == 3


def test_concurrent_workers_and_doubled_hints_complete_each_unit_once(ledger: Ledger) -> None:
    ledger.submit(new_job())

    def work(service: str) -> list[Claim]:
        claim = ledger.claim(service)
        if claim is None:
            return []
        children = {"codec.decode": ("c0", "c1"), "asr.segment": (f"{claim.index}r0",)}
        names = children.get(claim.stage, ())
        ledger.complete(claim, Output({}, tuple(Child(name, {}) for name in names)))
        return [claim]

    done: list[str] = []
    with ThreadPoolExecutor(6) as pool:
        while not finishing(ledger):
            done += [claim.unit for won in pool.map(work, SERVICES * 3) for claim in won]
    assert len(done) == len(set(done)) == 10
    assert set(states(ledger).values()) == {"done"}
    audit(ledger, ["job_1"])
