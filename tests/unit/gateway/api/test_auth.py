"""Keys on HTTP."""

from __future__ import annotations

import httpx
import pytest

from tests.unit.gateway.conftest import KEY


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
