"""The queue contract: every stage belongs to a service, and each service has its queues."""

from __future__ import annotations

import pytest

from services.shared.tasks import PRIORITIES, SERVICES, STAGES, queue_of, queues_of, service_of


def test_every_stage_belongs_to_a_service() -> None:
    assert {service_of(stage) for stage in STAGES} == set(SERVICES)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("priority", PRIORITIES)
def test_the_worker_of_a_stage_consumes_the_queue_of_its_hints(stage: str, priority: str) -> None:
    assert queue_of(stage, priority) in queues_of(service_of(stage))


def test_the_urgent_queue_comes_first() -> None:
    assert queues_of("asr") == ("asr.interactive", "asr.batch")


def test_no_two_services_share_a_queue() -> None:
    queues = [queue for service in SERVICES for queue in queues_of(service)]
    assert len(set(queues)) == len(queues)


def test_stage_names_fit_into_unit_ids() -> None:
    assert all(":" not in stage for stage in STAGES)
