"""kill -9 of model servers: at every stage, one replica or all of them, for a moment or for a while."""

from __future__ import annotations

import pytest

from services.shared.tasks import SERVICES, service_of
from tests.faults.calls import STAGES
from tests.faults.trial import Trial
from tests.support.waiting import until


@pytest.mark.parametrize("stage", STAGES)
def test_a_unit_whose_servers_are_all_killed_runs_again_and_no_failure_counts(
    trial: Trial, stage: str
) -> None:
    servers = trial.installation.servers(service_of(stage))
    (job,) = trial.submit()
    trial.installation.hold_at(stage, job)
    for server in servers:
        server.kill()
        trial.hit()
    trial.installation.release()
    until(lambda: trial.ledger.attempts([job]) >= 1)
    for server in servers:
        server.start()
    assert trial.settle().reruns >= 1
    assert {unit["failures"] for unit in trial.ledger.units(job)} == {"0"}


@pytest.mark.parametrize("service", SERVICES)
def test_one_replica_killed_under_load_is_replaced_by_the_other(trial: Trial, service: str) -> None:
    victim, _ = trial.installation.servers(service)
    for proxy in trial.installation.proxies[service]:
        proxy.slow(0.05)
    trial.submit(6)
    victim.kill()
    trial.hit()
    trial.submit(2)
    trial.settle()


def test_every_connection_to_the_servers_cut_again_and_again(trial: Trial) -> None:
    for proxy in trial.installation.every_proxy():
        proxy.slow(0.05)
    for _ in range(8):
        trial.submit(1)
        for proxy in trial.installation.every_proxy():
            proxy.cut()
            trial.hit()
    trial.settle()
