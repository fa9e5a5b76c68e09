"""Keys on HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from services.gateway.access.admin_key import new_key
from services.gateway.jobs.ids import new_job_id
from tests.unit.gateway.conftest import KEY

OPEN = {"/healthz", "/readyz", "/metrics"}


def flat(routes: Iterable[Any]) -> Iterator[APIRoute]:
    """Yield the plain routes, also those inside of included routers; anything else is a mistake here."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        else:
            yield from flat(route.original_router.routes)


def calls(app: FastAPI) -> list[tuple[str, str]]:
    """Return every method and path of the app."""
    return [
        (method, route.path.format(job_id=new_job_id(), name="result.json"))
        for route in flat(app.routes)
        for method in route.methods or ()
    ]


async def test_every_route_but_three_needs_a_key(app: FastAPI, stranger: httpx.AsyncClient) -> None:
    found = calls(app)
    assert len(found) >= 14
    for method, path in found:
        response = await stranger.request(method, path)
        assert (response.status_code == 401) == (path not in OPEN), path


async def test_a_wrong_key_opens_nothing(app: FastAPI, stranger: httpx.AsyncClient) -> None:
    for method, path in calls(app):
        response = await stranger.request(method, path, headers={"authorization": f"Bearer {new_key()}"})
        if path not in OPEN:
            assert (response.status_code, response.json()["code"]) == (401, "invalid_key")


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer   {KEY}"},
        {"x-api-key": KEY},
        {"authorization": "Basic abc", "x-api-key": KEY},
    ],
)
async def test_a_key_may_come_in_either_header(stranger: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert (await stranger.get("/v1/jobs", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "headers", [{"authorization": KEY}, {"authorization": "Bearer"}, {"authorization": f"Basic {KEY}"}]
)
async def test_anything_else_is_no_key(stranger: httpx.AsyncClient, headers: dict[str, str]) -> None:
    response = await stranger.get("/v1/jobs", headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, "missing_key")
    assert KEY not in response.text
