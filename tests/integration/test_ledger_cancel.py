"""A job may be cancelled at any moment, and then ends once, with nothing running or waiting."""

from __future__ import annotations

import pytest

from services.shared.errors import Cancelled
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Output
from services.shared.tasks import DECODE, ENCODE, SEGMENT, TRANSCRIBE
from tests.support.calls import (
    POISON,
    audit,
    begin,
    claim_of,
    fields,
    finishing,
    hurried,
    new_job,
    play,
    play_until,
    states,
    take,
)


def test_a_queued_job_is_cancelled_at_once(ledger: Ledger) -> None:
    unit = begin(ledger)
    assert ledger.cancel("job_1") == "cancelling"
    assert set(states(ledger).values()) == {"dead"}
    assert claim_of(ledger, unit) is None
    assert finishing(ledger) == {"job_1"}
    audit(ledger, ["job_1"])


def test_a_running_unit_learns_of_the_cancel_when_it_renews(ledger: Ledger) -> None:
    claim = take(ledger, begin(ledger))
    assert ledger.renew(claim).held
    ledger.cancel("job_1")
    renewal = ledger.renew(claim)
    assert not renewal.held
    assert 0 <= renewal.cancelled_ms < 60_000
    assert finishing(ledger) == set()
    audit(ledger, ["job_1"])


def test_a_unit_that_completes_after_the_cancel_changes_nothing(ledger: Ledger) -> None:
    claim = take(ledger, begin(ledger))
    ledger.cancel("job_1")
    with pytest.raises(Cancelled) as caught:
        ledger.complete(claim, Output({"late": True}))
    assert caught.value.code == "cancelled"
    assert [unit.output for unit in ledger.units("job_1")] == [None, None]
    assert finishing(ledger) == {"job_1"}
    audit(ledger, ["job_1"])


def test_a_unit_that_fails_after_the_cancel_is_cancelled(ledger: Ledger) -> None:
    claim = take(ledger, begin(ledger))
    ledger.cancel("job_1")
    with pytest.raises(Cancelled):
        ledger.fail(claim, POISON)
    assert ledger.units("job_1")[0].error_code == "cancelled"
    assert finishing(ledger) == {"job_1"}


def test_a_job_waits_for_each_of_its_running_units_and_for_no_other(ledger: Ledger) -> None:
    units = play_until(ledger, ledger.submit(new_job()), TRANSCRIBE)
    first, second = (take(ledger, unit) for unit in units[:2])
    ledger.cancel("job_1")
    audit(ledger, ["job_1"])
    with pytest.raises(Cancelled):
        ledger.complete(first, Output({}))
    audit(ledger, ["job_1"])
    assert finishing(ledger) == set()
    with pytest.raises(Cancelled):
        ledger.complete(second, Output({}))
    assert finishing(ledger) == {"job_1"}
    audit(ledger, ["job_1"])


def test_the_lease_of_a_lost_worker_ends_the_cancelled_unit(ledger: Ledger) -> None:
    units = play_until(ledger, ledger.submit(new_job()), TRANSCRIBE)
    take(hurried(ledger), units[0])
    ledger.cancel("job_1")
    assert ledger.due(100).hints == ()
    assert finishing(ledger) == {"job_1"}
    audit(ledger, ["job_1"])


def test_a_job_is_cancelled_between_two_stages(ledger: Ledger) -> None:
    play_until(ledger, ledger.submit(new_job()), SEGMENT)
    ledger.cancel("job_1")
    assert states(ledger) == {
        f"{DECODE}:job": "done",
        f"{ENCODE}:job": "dead",
        f"{SEGMENT}:c0": "dead",
        f"{SEGMENT}:c1": "dead",
    }
    assert finishing(ledger) == {"job_1"}
    audit(ledger, ["job_1"])


def test_a_job_is_cancelled_while_its_gathering_stage_waits_to_run(ledger: Ledger) -> None:
    play_until(ledger, ledger.submit(new_job()), ENCODE)
    ledger.cancel("job_1")
    assert states(ledger)[f"{ENCODE}:job"] == "dead"
    assert finishing(ledger) == {"job_1"}
    audit(ledger, ["job_1"])


def test_a_job_is_cancelled_while_it_gathers(ledger: Ledger) -> None:
    claim = take(ledger, play_until(ledger, ledger.submit(new_job()), ENCODE)[0])
    ledger.cancel("job_1")
    assert finishing(ledger) == set()
    with pytest.raises(Cancelled):
        ledger.complete(claim, Output({}))
    assert finishing(ledger) == {"job_1"}
    audit(ledger, ["job_1"])


def test_a_job_cancelled_when_all_is_done_but_the_ending_ends_as_cancelled_only(ledger: Ledger) -> None:
    play(ledger, ledger.submit(new_job()))
    assert ledger.cancel("job_1") == "cancelling"
    assert not ledger.finish("job_1", "succeeded", {})
    assert finishing(ledger) == {"job_1"}
    assert ledger.finish("job_1", "cancelled", {})
    assert fields(ledger)["state"] == "cancelled"


def test_a_finished_job_cannot_be_cancelled(ledger: Ledger) -> None:
    play(ledger, ledger.submit(new_job()))
    ledger.finish("job_1", "succeeded", {})
    assert ledger.cancel("job_1") == "succeeded"
    assert fields(ledger)["state"] == "succeeded"
    assert finishing(ledger) == set()


def test_cancelling_twice_is_cancelling_once(ledger: Ledger) -> None:
    take(ledger, begin(ledger))
    assert ledger.cancel("job_1") == ledger.cancel("job_1") == "cancelling"
    audit(ledger, ["job_1"])


def test_a_job_that_is_not_there_is_gone(ledger: Ledger) -> None:
    assert ledger.cancel("job_0") == "gone"
