"""The queue contract: every stage belongs to a service."""

from __future__ import annotations

from services.shared.tasks import SERVICES, STAGES, service_of


def test_every_stage_belongs_to_a_service() -> None:
    assert {service_of(stage) for stage in STAGES} == set(SERVICES)


def test_stage_names_fit_into_unit_ids() -> None:
    assert all(":" not in stage for stage in STAGES)
