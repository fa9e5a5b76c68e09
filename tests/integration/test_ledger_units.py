"""One unit has one effect, however often it is claimed, completed, failed, lost or hinted at."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from services.shared.errors import Cancelled
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Child, Claim, Failure, Output
from services.shared.tasks import DECODE, ENCODE, Hint
from tests.support.calls import POISON, audit, fields, hurried, instant, new_job, play, states, take

FLAKY = Failure(code="flaky", detail="Try again.", retryable=True, burns=True, delay_ms=0)
AWAY = Failure(code="unavailable", detail="Try again.", retryable=True, burns=False, delay_ms=0)
LATER_MS = 3_600_000


@pytest.fixture
def unit(ledger: Ledger) -> str:
    """The first unit of a call, ready."""
    return ledger.submit(new_job())[0].unit


def test_submitting_twice_changes_nothing_and_sends_nothing(ledger: Ledger) -> None:
    play(ledger, ledger.submit(new_job()))
    before = fields(ledger), states(ledger)
    assert ledger.submit(new_job(kind="speech")) == []
    assert (fields(ledger), states(ledger)) == before


def test_a_submitted_job_is_queued_until_its_first_claim(ledger: Ledger, unit: str) -> None:
    assert fields(ledger)["state"] == "queued"
    take(ledger, unit)
    assert fields(ledger)["state"] == "running"
    assert fields(ledger)["started_ms"] >= fields(ledger)["created_ms"]


def test_of_many_claims_at_once_one_succeeds(ledger: Ledger, unit: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(ledger.claim, [unit] * 40))
    assert sum(claim is not None for claim in claims) == 1
    audit(ledger, ["job_1"])


def test_a_claim_repeated_by_its_holder_is_the_same_claim(ledger: Ledger, unit: str) -> None:
    arguments = (unit, "holder", 1000, 1000, 3)
    first, second = (ledger._run("claim", *arguments) for _ in range(2))
    assert first == second
    assert first[0] == "claimed"
    audit(ledger, ["job_1"])


def test_a_claim_of_what_is_not_there_or_not_ready_is_refused(ledger: Ledger, unit: str) -> None:
    assert ledger.claim("job_0:codec.decode:job") is None
    assert ledger.claim(f"job_1:{ENCODE}:job") is None
    ledger.complete(take(ledger, unit), Output({}))
    assert ledger.claim(unit) is None
    audit(ledger, ["job_1"])


def test_completing_twice_creates_children_once(ledger: Ledger, unit: str) -> None:
    claim = take(ledger, unit)
    output = Output({"n": 1}, (Child("c0", {}),))
    assert len(ledger.complete(claim, output)) == 1
    assert ledger.complete(claim, output) == []
    assert len(ledger.units("job_1", "asr.segment")) == 1
    audit(ledger, ["job_1"])


def test_completing_again_after_the_job_ended_is_still_no_error(ledger: Ledger) -> None:
    claim = take(ledger, ledger.submit(new_job(kind="decode"))[0].unit)
    ledger.complete(claim, Output({"n": 1}))
    ledger.finish("job_1", "succeeded", {})
    assert ledger.complete(claim, Output({"n": 2})) == []
    assert ledger.units("job_1")[0].output == {"n": 1}


def test_a_late_writer_is_fenced_off(ledger: Ledger, unit: str) -> None:
    late = take(hurried(ledger), unit)
    on_time = take(ledger, unit)
    assert (late.attempt, on_time.attempt, on_time.failures) == (1, 2, 1)
    assert not ledger.renew(late)
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
    assert instant(ledger).renew(claim)
    assert ledger.claim(unit) is None
    assert ledger.due(100).expired == 0


def test_a_lease_that_ran_out_gives_the_unit_to_the_next_worker(ledger: Ledger, unit: str) -> None:
    take(hurried(ledger), unit)
    due = ledger.due(100)
    assert (due.hints, due.expired) == ((Hint(DECODE, unit, "batch"),), 1)
    assert take(ledger, unit).attempt == 2
    audit(ledger, ["job_1"])


@pytest.mark.parametrize("notice", ["claim", "due"])
def test_a_unit_that_loses_every_worker_dies(ledger: Ledger, unit: str, notice: str) -> None:
    for _ in range(ledger.policy.max_failures):
        take(hurried(ledger), unit)
        if notice == "due":
            ledger.due(100)
    assert ledger.claim(unit) is None
    assert ledger.units("job_1", DECODE)[0].error_code == "worker_lost"
    audit(ledger, ["job_1"])


def test_a_unit_dies_at_its_last_allowed_failure(ledger: Ledger, unit: str) -> None:
    for attempt in range(1, ledger.policy.max_failures + 1):
        claim = take(ledger, unit)
        assert (claim.attempt, claim.failures) == (attempt, attempt - 1)
        hints = ledger.fail(claim, FLAKY)
        audit(ledger, ["job_1"])
    assert hints == []
    assert (ledger.units("job_1")[0].state, ledger.units("job_1")[0].error_code) == ("dead", "flaky")


def test_a_service_that_is_away_never_kills_a_unit(ledger: Ledger, unit: str) -> None:
    for _ in range(ledger.policy.max_failures * 3):
        assert ledger.fail(take(ledger, unit), AWAY) == [Hint(DECODE, unit, "batch")]
    claim = take(ledger, unit)
    assert claim.failures == 0
    ledger.complete(claim, Output({}))
    audit(ledger, ["job_1"])


def test_a_failure_that_cannot_be_mended_kills_at_once(ledger: Ledger, unit: str) -> None:
    ledger.fail(take(ledger, unit), POISON)
    record = ledger.units("job_1")[0]
    assert (record.state, record.error_code, record.error_detail) == ("dead", "poison", "It cannot be done.")


def test_a_unit_waits_out_its_delay_without_a_hint(ledger: Ledger, unit: str) -> None:
    assert ledger.fail(take(ledger, unit), replace(FLAKY, delay_ms=LATER_MS)) == []
    assert ledger.claim(unit) is None
    assert instant(ledger).due(100).hints == ()
    audit(ledger, ["job_1"])


def test_a_hint_that_may_be_lost_is_sent_again_and_ever_more_rarely(ledger: Ledger) -> None:
    unit = instant(ledger).submit(new_job())[0].unit
    patient = instant(ledger, resend_ms=LATER_MS, most_resend_ms=3 * LATER_MS)
    assert patient.due(100).hints == (Hint(DECODE, unit, "batch"),)
    assert patient.due(100).hints == ()
    second = ledger._redis.zscore(ledger._key("due"), unit)
    ledger._redis.zadd(ledger._key("due"), {unit: 0})
    assert len(patient.due(100).hints) == 1
    third = ledger._redis.zscore(ledger._key("due"), unit)
    assert isinstance(second, float)
    assert isinstance(third, float)
    assert LATER_MS // 2 < third - second <= LATER_MS + LATER_MS // 2  # 2 hours, then 3, the cap


def test_due_takes_no_more_than_it_was_asked_for(ledger: Ledger) -> None:
    quick = instant(ledger, resend_ms=0)
    for n in range(5):
        quick.submit(new_job(f"job_{n}"))
    assert len(quick.due(2).hints) == 2
    assert len(quick.due(100).hints) == 5


def test_hints_sent_again_keep_the_priority_of_their_job(ledger: Ledger) -> None:
    instant(ledger).submit(replace(new_job(), priority="interactive"))
    assert [hint.priority for hint in ledger.due(10).hints] == ["interactive"]


def test_concurrent_workers_and_doubled_hints_complete_each_unit_once(ledger: Ledger) -> None:
    quick = instant(ledger)
    quick.submit(new_job())

    def work(_round: int) -> list[Claim]:
        won = []
        for hint in quick.due(100).hints * 2:
            claim = quick.claim(hint.unit)
            if claim is not None:
                children = {"codec.decode": ("c0", "c1"), "asr.segment": (f"{claim.index}r0",)}
                names = children.get(claim.stage, ())
                quick.complete(claim, Output({}, tuple(Child(name, {}) for name in names)))
                won.append(claim)
        return won

    with ThreadPoolExecutor(6) as pool:
        rounds = list(pool.map(work, range(60)))
    done = [claim.unit for won in rounds for claim in won]
    assert len(done) == len(set(done)) == 10
    assert set(states(ledger).values()) == {"done"}
    audit(ledger, ["job_1"])
