"""A job that names a webhook: one of its tenant's, or none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from services.gateway.jobs.service import JobService
from services.shared.errors import InvalidRequest
from tests.unit.gateway.world import TENANT, TEXT_SPEC, World

URL = "https://crm.example.com/hook"


@dataclass
class OneWebhook:
    """Knows one webhook of one tenant."""

    def webhook_at(self, tenant: str, url: str) -> str | None:
        return "whk_1" if (tenant, url) == (TENANT, URL) else None


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.jobs = JobService(replace(world.jobs._ports, webhooks=OneWebhook()))
    return world


def test_a_job_keeps_the_id_of_the_webhook_that_it_names(world: World) -> None:
    named = world.submit(TEXT_SPEC | {"webhook_url": URL})
    plain = world.submit(TEXT_SPEC)
    specs = [world.store._entries[each.id].spec for each in (named, plain)]
    assert [each.get("webhook") for each in specs] == ["whk_1", None]
    assert URL not in str(specs)


@pytest.mark.parametrize(("tenant", "url"), [(TENANT, f"{URL}/other"), ("rival", URL)])
def test_a_url_that_is_none_of_the_tenants_webhooks_is_refused(world: World, tenant: str, url: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        world.send(TEXT_SPEC | {"webhook_url": url}, tenant=tenant)
    assert refused.value.code == "unknown_webhook"
    assert world.kept() == []
