"""A job that ended with holes runs again, only what failed; the outbox tells of each end."""

from __future__ import annotations

import pytest

from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Output
from services.shared.tasks import DECODE, ENCODE, SEGMENT, SYNTHESIZE, TRANSCRIBE, TRANSLATE, Hint
from tests.support.calls import (
    POISON,
    audit,
    fields,
    finishing,
    hurried,
    instant,
    new_job,
    play,
    ready,
    states,
    take,
)


def ended(ledger: Ledger, *poison: str, state: str = "partially_succeeded") -> None:
    """Bring a call to its end with some units dead."""
    play(ledger, ledger.submit(new_job()), poison=[f"job_1:{unit}" for unit in poison])
    ledger.finish("job_1", state, {"files": "[]", "error_code": "poison", "error_detail": "It failed."})


def again(ledger: Ledger) -> list[str]:
    """Try the call again, and run all that can run."""
    state, _ = ledger.retry("job_1")
    assert state == "running"
    audit(ledger, ["job_1"])
    return [unit.partition(":")[2] for unit in play(ledger, instant(ledger).submit(new_job()))]


@pytest.mark.parametrize(
    ("dead", "runs"),
    [
        (
            f"{TRANSCRIBE}:c0r0",
            [f"{TRANSCRIBE}:c0r0", f"{TRANSLATE}:c0r0", f"{SYNTHESIZE}:c0r0", f"{ENCODE}:job"],
        ),
        (f"{SYNTHESIZE}:c1r1", [f"{SYNTHESIZE}:c1r1", f"{ENCODE}:job"]),
        (f"{ENCODE}:job", [f"{ENCODE}:job"]),
    ],
)
def test_only_what_failed_and_what_gathers_runs_again(ledger: Ledger, dead: str, runs: list[str]) -> None:
    ended(ledger, dead)
    assert again(ledger) == runs
    assert set(states(ledger).values()) == {"done"}
    assert finishing(ledger) == {"job_1"}
    audit(ledger, ["job_1"])


def test_a_channel_that_failed_brings_its_regions_when_it_runs_again(ledger: Ledger) -> None:
    ended(ledger, f"{SEGMENT}:c0")
    assert f"{SYNTHESIZE}:c0r1" in again(ledger)
    assert set(states(ledger).values()) == {"done"}


def test_a_region_that_failed_waits_again_for_the_channel_that_failed(ledger: Ledger) -> None:
    ended(ledger, f"{SEGMENT}:c1", f"{TRANSCRIBE}:c0r1")
    assert ledger.retry("job_1") == ("running", (Hint("asr"),))
    assert ready(ledger) == [f"job_1:{SEGMENT}:c1"]
    ledger.complete(take(ledger, f"job_1:{SEGMENT}:c1"), Output({}))
    assert ready(ledger) == [f"job_1:{TRANSCRIBE}:c0r1"]
    audit(ledger, ["job_1"])


def test_a_job_that_failed_at_its_first_unit_runs_from_there(ledger: Ledger) -> None:
    ended(ledger, f"{DECODE}:job", state="failed")
    assert len(again(ledger)) == 16
    assert set(states(ledger).values()) == {"done"}


def test_a_job_that_runs_again_shows_nothing_of_its_former_end(ledger: Ledger) -> None:
    ended(ledger, f"{TRANSLATE}:c0r0")
    before = int(fields(ledger)["version"])
    assert ledger.retry("job_1") == ("running", (Hint("translation"),))
    record = fields(ledger)
    assert record["state"] == "running"
    assert not {"finished_ms", "files", "error_code", "error_detail", "needs_review", "fatal"} & record.keys()
    assert int(record["version"]) > before
    assert ledger.backlog("acme") == (1, 1)


def test_a_job_is_not_tried_again_twice_at_once(ledger: Ledger) -> None:
    ended(ledger, f"{TRANSLATE}:c0r0")
    ledger.retry("job_1")
    assert ledger.retry("job_1") == ("running", ())
    assert ready(ledger) == [f"job_1:{TRANSLATE}:c0r0"]
    audit(ledger, ["job_1"])


@pytest.mark.parametrize("state", ["succeeded", "cancelled"])
def test_a_job_without_a_failure_is_left_alone(ledger: Ledger, state: str) -> None:
    play(ledger, ledger.submit(new_job()))
    ledger.finish("job_1", state, {})
    assert ledger.retry("job_1") == (state, ())
    assert ledger.retry("job_0") == ("gone", ())


def test_what_a_unit_lost_before_is_forgotten(ledger: Ledger) -> None:
    strict = instant(ledger, max_losses=2)
    strict.submit(new_job(kind="decode"))
    for _ in range(2):
        take(hurried(strict), f"job_1:{DECODE}:job")
        strict.due(10)
    strict.finish("job_1", "failed", {})
    strict.retry("job_1")
    take(hurried(strict), f"job_1:{DECODE}:job")
    strict.due(10)
    assert ready(strict) == [f"job_1:{DECODE}:job"]


def test_a_worker_from_before_the_end_cannot_write_into_the_new_run(ledger: Ledger) -> None:
    strict = instant(ledger, max_losses=1)
    strict.submit(new_job(kind="decode"))
    late = take(hurried(strict), f"job_1:{DECODE}:job")
    strict.due(10)
    strict.finish("job_1", "failed", {})
    strict.retry("job_1")
    assert take(strict, f"job_1:{DECODE}:job").attempt == 2
    assert not strict.renew(late).held


def test_the_outbox_holds_each_end_until_it_is_delivered(ledger: Ledger) -> None:
    quick = instant(ledger)
    ended(quick, f"{TRANSLATE}:c0r0")
    (event,) = quick.take_events(10)
    assert (event.job, event.tenant, event.kind) == ("job_1", "acme", "speech_translation")
    assert (event.state, event.created_ms <= event.finished_ms) == ("partially_succeeded", True)
    assert quick.take_events(10) == [event]
    quick.delivered(event)
    assert quick.take_events(10) == []
    assert quick._redis.exists(quick._key("events")) == 0


def test_an_event_that_was_handed_out_is_nobody_elses_for_a_while(ledger: Ledger) -> None:
    ended(ledger, f"{TRANSLATE}:c0r0")
    patient = instant(ledger, hold_ms=3_600_000)
    assert len(patient.take_events(10)) == 1
    assert patient.take_events(10) == []


def test_a_second_end_is_another_event(ledger: Ledger) -> None:
    quick = instant(ledger)
    ended(quick, f"{TRANSLATE}:c0r0")
    again(quick)
    quick.finish("job_1", "succeeded", {})
    first, second = quick.take_events(10)
    assert first.id != second.id
    assert (first.state, second.state) == ("partially_succeeded", "succeeded")


def test_a_unit_of_the_new_run_may_fail_like_any_other(ledger: Ledger) -> None:
    ended(ledger, f"{TRANSLATE}:c0r0")
    ledger.retry("job_1")
    ledger.fail(take(ledger, f"job_1:{TRANSLATE}:c0r0"), POISON)
    ledger.complete(take(ledger, f"job_1:{ENCODE}:job"), Output({}))
    assert states(ledger)[f"{SYNTHESIZE}:c0r0"] == "dead"
    assert finishing(ledger) == {"job_1"}
    audit(ledger, ["job_1"])
