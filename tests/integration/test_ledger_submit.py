"""On what terms a job is accepted: once per idempotency key, and only while the backlog has room."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Submitted, Terms
from tests.support.calls import audit, instant, left_over, new_job, play

ONE = Terms(key="k1", fingerprint="f1")


def test_a_key_stands_for_its_first_job(ledger: Ledger) -> None:
    assert ledger.submit(new_job("job_1"), ONE).answer == "accepted"
    assert ledger.submit(new_job("job_2"), ONE) == Submitted("replayed", "job_1")
    assert ledger.job("job_2") is None
    assert ledger.kept_under("acme", "k1") == ("f1", "job_1")


def test_a_key_that_comes_with_something_else_is_refused(ledger: Ledger) -> None:
    ledger.submit(new_job("job_1"), ONE)
    answer = ledger.submit(new_job("job_2"), Terms(key="k1", fingerprint="f2"))
    assert (answer.answer, answer.hints) == ("reused", ())
    assert ledger.job("job_2") is None


def test_a_fresh_submission_takes_the_key_over(ledger: Ledger) -> None:
    ledger.submit(new_job("job_1"), ONE)
    fresh = Terms(key="k1", fingerprint="f1", fresh=True)
    assert ledger.submit(new_job("job_2"), fresh).answer == "accepted"
    assert ledger.submit(new_job("job_3"), ONE) == Submitted("replayed", "job_2")


def test_tenants_do_not_share_keys(ledger: Ledger) -> None:
    ledger.submit(new_job("job_1"), ONE)
    assert ledger.submit(new_job("job_2", tenant="brook"), ONE).answer == "accepted"


def test_of_many_submissions_at_once_one_becomes_a_job(ledger: Ledger) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: ledger.submit(new_job(f"job_{n}"), ONE), range(16)))
    assert sorted(answer.answer for answer in answers) == ["accepted"] + ["replayed"] * 15
    assert len({answer.job for answer in answers}) == 1
    assert len(ledger.jobs("acme")) == 1


def test_a_key_is_kept_for_a_bounded_time(ledger: Ledger) -> None:
    instant(ledger, replay_ms=3_600_000).submit(new_job(), ONE)
    left_ms = ledger._redis.pttl(ledger._key("idempotency", "acme", "k1"))
    assert isinstance(left_ms, int)
    assert 0 < left_ms <= 3_600_000


@pytest.mark.parametrize("taken_over", [False, True])
def test_an_erased_job_frees_its_own_key_and_no_other(ledger: Ledger, *, taken_over: bool) -> None:
    play(ledger, ledger.submit(new_job("job_1"), ONE))
    ledger.finish("job_1", "succeeded", {})
    if taken_over:
        ledger.submit(new_job("job_2"), Terms(key="k1", fingerprint="f1", fresh=True))
    ledger.erase("job_1")
    assert ledger.kept_under("acme", "k1") == (("f1", "job_2") if taken_over else None)
    assert left_over(ledger, "job_1") == []


def test_a_full_backlog_takes_nobody_until_a_job_ends(ledger: Ledger) -> None:
    terms = Terms(most_jobs=2)
    first = ledger.submit(new_job("job_1", "decode"), terms)
    ledger.submit(new_job("job_2", "decode", "brook"), terms)
    assert ledger.submit(new_job("job_3", "decode", "crane"), terms) == Submitted("full", "")
    assert ledger.job("job_3") is None
    play(ledger, first)
    ledger.finish("job_1", "succeeded", {})
    assert ledger.submit(new_job("job_3", "decode", "crane"), terms).answer == "accepted"
    audit(ledger, ["job_1", "job_2", "job_3"])


def test_a_full_backlog_of_one_tenant_leaves_room_for_the_others(ledger: Ledger) -> None:
    terms = Terms(most_jobs_of_tenant=1)
    ledger.submit(new_job("job_1"), terms)
    assert ledger.submit(new_job("job_2"), terms) == Submitted("tenant_full", "")
    assert ledger.submit(new_job("job_3", tenant="brook"), terms).answer == "accepted"
    assert ledger.backlog("acme") == (2, 1)


def test_a_replay_needs_no_room(ledger: Ledger) -> None:
    ledger.submit(new_job("job_1"), ONE)
    full = Terms(most_jobs=1, key="k1", fingerprint="f1")
    assert ledger.submit(new_job("job_2"), full) == Submitted("replayed", "job_1")


def test_a_submission_whose_reply_was_lost_is_accepted_still(ledger: Ledger) -> None:
    terms = Terms(most_jobs=1, key="k1", fingerprint="f1")
    ledger.submit(new_job("job_1"), terms)
    assert ledger.submit(new_job("job_1"), terms) == Submitted("accepted", "job_1")
    audit(ledger, ["job_1"])
