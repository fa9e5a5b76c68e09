"""Processes that believe in another time of day: the ledger's clock is Redis's, so nothing may change."""

from __future__ import annotations

from tests.faults.entry import command
from tests.faults.member import Member
from tests.faults.trial import Trial
from tests.support.waiting import until

_MODULES = {"reconciler": "services.gateway.reconciler", "gateway": "services.gateway.app"}


def _believe(members: list[Member], fault: str) -> None:
    for member in members:
        room = member.kind.partition("-")[0]
        member.kill()
        member.start(command(fault, _MODULES.get(member.kind, f"services.{room}.worker")))


def test_clocks_an_hour_apart_change_nothing(trial: Trial) -> None:
    workers, reconcilers = trial.installation.workers(), trial.installation.reconcilers()
    _believe([*workers[::2], reconcilers[0]], "clock-fast")
    _believe([*workers[1::2], *reconcilers[1:], trial.installation.gateway], "clock-slow")
    until(trial.client.ready)
    trial.hit(len(workers) + len(reconcilers) + 1)
    expired = trial.installation.expired_leases()
    jobs = trial.submit(8)
    trial.settle()
    assert trial.installation.expired_leases() == expired
    units = [unit for job in jobs for unit in trial.ledger.units(job)]
    assert {unit["failures"] + unit["losses"] for unit in units} == {"00"}
    # Nor does it hinder that a lost worker is noticed.
    (job,) = trial.submit()
    trial.installation.hold_at("asr.segment", job)
    for worker in trial.installation.workers("asr"):
        worker.restart()
        trial.hit()
    trial.installation.release()
    assert trial.settle().reruns >= 1
