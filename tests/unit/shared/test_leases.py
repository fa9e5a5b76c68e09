"""Leases are renewed while work runs, and the work is told once they have ended."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace

import pytest

from services.shared import telemetry
from services.shared.leases import Lease, Leases
from services.shared.ledger.records import Claim, Policy, Renewal
from tests.conftest import Logged
from tests.support.waiting import until

CLAIM = Claim(
    unit="job_1:asr.segment:c0",
    job="job_1",
    stage="asr.segment",
    index="c0",
    attempt=1,
    failures=0,
    tenant="acme",
    spec={},
    payload={},
    inputs={},
)


class Register:
    """A ledger that only renews."""

    policy = Policy(renew_ms=5)

    def __init__(self) -> None:
        self.renewed: list[Claim] = []
        self.held = True
        self.cancelled_ms = 0
        self.away = False

    def renew(self, claim: Claim) -> Renewal:
        self.renewed.append(claim)
        if self.away:
            raise ConnectionError
        return Renewal(self.held, self.cancelled_ms)


def test_a_held_lease_is_renewed_again_and_again() -> None:
    register = Register()
    with Leases(register, 3600).hold(CLAIM) as lease:
        until(lambda: len(register.renewed) > 3)
        assert not lease.ended


def test_a_lease_that_is_given_back_is_renewed_no_more() -> None:
    register = Register()
    leases = Leases(register, 3600)
    with leases.hold(CLAIM):
        until(lambda: register.renewed)
    with leases.hold(other := replace(CLAIM, attempt=2)):
        until(lambda: register.renewed[-3:] == [other] * 3)


def test_work_is_told_that_its_lease_ended() -> None:
    register = Register()
    told = threading.Event()
    with Leases(register, 3600).hold(CLAIM) as lease, lease.ending(told.set):
        assert not told.is_set()
        register.held = False
        until(told.is_set)
        assert lease.ended


def test_how_long_a_cancel_took_to_arrive_is_measured() -> None:
    def notices() -> float:
        return telemetry.REGISTRY.get_sample_value("dragoman_cancel_notice_seconds_sum") or 0

    register = Register()
    before = notices()
    with Leases(register, 3600).hold(CLAIM) as lease:
        register.held, register.cancelled_ms = False, 1500
        until(lambda: lease.ended)
        until(lambda: notices() > before)
    assert notices() - before >= 1.5


def test_work_that_hangs_is_renewed_no_more(logged: Logged) -> None:
    register = Register()
    with Leases(register, 0).hold(CLAIM) as lease:
        until(lambda: lease.ended)
        assert lease.reason == "overdue"
        assert register.renewed == []
        assert [line["event"] for line in logged()] == ["unit hangs"]


def test_a_process_whose_every_slot_hangs_is_not_alive() -> None:
    leases = Leases(Register(), 0)
    assert leases.alive(2)
    with leases.hold(CLAIM) as first:
        until(lambda: not leases.alive(1))
        assert first.ended, "the work was told before"
        assert leases.alive(2), "one slot is free"
        with leases.hold(replace(CLAIM, attempt=2)):
            until(lambda: not leases.alive(2))
    assert leases.alive(1), "nothing hangs any more"


def test_work_that_takes_long_and_does_not_hang_is_alive() -> None:
    register = Register()
    leases = Leases(register, 3600)
    with leases.hold(CLAIM):
        until(lambda: len(register.renewed) > 3)
        assert leases.alive(1)


def test_an_absent_ledger_leaves_the_process_alive() -> None:
    register = Register()
    register.away = True
    leases = Leases(register, 3600)
    with leases.hold(CLAIM):
        until(lambda: len(register.renewed) > 3)
        assert leases.alive(1)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_process_whose_leases_nobody_renews_is_not_alive() -> None:
    def broken() -> None:
        raise SystemError

    leases = Leases(Register(), 0)
    with leases.hold(CLAIM) as lease, suppress(SystemError), lease.ending(broken):
        until(lambda: not leases.alive(100))
    assert not leases.alive(100)


def test_leases_that_are_drained_tell_the_work_to_give_its_unit_back() -> None:
    register = Register()
    leases = Leases(register, 3600)
    told = threading.Event()
    with leases.hold(CLAIM) as lease, lease.ending(told.set):
        leases.drain()
        assert told.is_set()
        assert lease.ended
        assert lease.reason == "drained"
    with leases.hold(CLAIM) as late:
        assert late.reason == "drained"


def test_an_absent_ledger_ends_no_lease() -> None:
    register = Register()
    register.away = True
    with Leases(register, 3600).hold(CLAIM) as lease:
        until(lambda: len(register.renewed) > 2)
        assert not lease.ended
        register.away = False
        seen = len(register.renewed)
        until(lambda: len(register.renewed) > seen)


def test_a_call_begun_after_the_end_is_cancelled_at_once() -> None:
    lease = Lease(CLAIM)
    lease.end()
    told: list[bool] = []
    with lease.ending(lambda: told.append(True)):
        assert told == [True]


def test_a_call_that_is_over_is_not_cancelled_any_more() -> None:
    lease = Lease(CLAIM)
    told: list[str] = []
    with lease.ending(lambda: told.append("outer")):
        with lease.ending(lambda: told.append("inner")):
            pass
        lease.end()
    lease.end()
    assert told == ["outer"]


def test_a_call_that_fails_is_forgotten_too() -> None:
    lease = Lease(CLAIM)
    told: list[bool] = []
    with pytest.raises(ValueError, match="broken"), lease.ending(lambda: told.append(True)):
        raise ValueError("broken")
    lease.end()
    assert told == []
