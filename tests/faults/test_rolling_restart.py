"""SIGTERM for everyone in turn, under load: each leaves in time, and nobody has to wait for a lease."""

from __future__ import annotations

import pytest

from services.shared.tasks import SERVICES
from tests.faults.calls import STAGES
from tests.faults.installation import Plan
from tests.faults.member import Member
from tests.faults.trial import Trial
from tests.support.waiting import until

_DRAIN_S = 2.0
# Beyond the drain time; the rest is for a busy machine.
_EXIT_S = 15.0


@pytest.fixture(scope="module")
def plan() -> Plan:
    """Processes with little patience."""
    return Plan(settings={"DRAGOMAN_DRAIN_S": f"{_DRAIN_S:g}"})


def _roll(trial: Trial, members: list[Member]) -> None:
    """Stop and start each of them while jobs come in; nobody's lease may run out."""
    expired = trial.installation.expired_leases()
    for member in members:
        trial.submit(2)
        took_s = member.stop(_DRAIN_S + _EXIT_S)
        trial.hit()
        assert took_s < _DRAIN_S + _EXIT_S
        member.start()
        # Else the next signal might come before it can handle one.
        trial.installation.start()
    trial.settle()
    assert trial.installation.expired_leases() == expired


@pytest.mark.parametrize("service", SERVICES)
def test_workers_restarted_in_turn(trial: Trial, service: str) -> None:
    for proxy in trial.installation.proxies[service]:
        proxy.slow(0.1)
    _roll(trial, 2 * trial.installation.workers(service))


@pytest.mark.parametrize("service", SERVICES)
def test_servers_restarted_in_turn(trial: Trial, service: str) -> None:
    for proxy in trial.installation.proxies[service]:
        proxy.slow(0.1)
    _roll(trial, 2 * trial.installation.servers(service))


def test_gateway_and_reconcilers_restarted_in_turn(trial: Trial) -> None:
    _roll(trial, 2 * [trial.installation.gateway, *trial.installation.reconcilers()])


@pytest.mark.parametrize("stage", [STAGES[0], STAGES[-2]])
def test_a_unit_that_outlasts_its_workers_patience_is_given_back_at_once(trial: Trial, stage: str) -> None:
    expired = trial.installation.expired_leases()
    (job,) = trial.submit()
    trial.installation.hold_at(stage, job)
    for worker in trial.installation.workers(stage.partition(".")[0]):
        worker.stop(_DRAIN_S + _EXIT_S)
        trial.hit()
    until(lambda: not trial.ledger.units_of(job, stage, "leased"))
    assert {unit["failures"] + unit["losses"] for unit in trial.ledger.units(job)} == {"00"}
    trial.installation.heal()
    assert trial.settle().reruns >= 1
    assert trial.installation.expired_leases() == expired
