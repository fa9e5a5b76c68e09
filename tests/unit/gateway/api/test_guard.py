"""What every request must keep to, and what every answer says to browsers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from http import HTTPStatus

import httpx
import pytest
from fastapi import FastAPI, Response
from structlog.testing import capture_logs

from services.gateway.access.model import Rate
from services.gateway.api.application import build
from services.gateway.api.guard import MAX_BODY_BYTES, MAX_HEADERS
from services.gateway.api.rate_headers import headers_of
from services.gateway.jobs.ids import new_job_id
from tests.support.routes import routes_of
from tests.unit.gateway.api.test_errors import check_shape
from tests.unit.gateway.conftest import KEY

PAGE = "https://console.example.com"


def client_of(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(
        transport=transport, base_url="http://gateway", headers={"authorization": f"Bearer {KEY}"}
    )


def calls(app: FastAPI) -> list[tuple[str, str]]:
    """Return every method and path of the app."""
    routes = routes_of(app)
    return [(each.method, each.filled(**dict.fromkeys(each.fields, new_job_id()))) for each in routes]


def with_settings(app: FastAPI, **changes: object) -> FastAPI:
    """Return another app around the same world, with other settings."""
    context = app.state.context
    return build(replace(context, settings=context.settings.model_copy(update=changes)))


async def test_every_answer_tells_browsers_to_keep_out(app: FastAPI, stranger: httpx.AsyncClient) -> None:
    for method, path in [*calls(app), ("GET", "/nowhere"), ("BREW", "/v1/jobs")]:
        headers = (await stranger.request(method, path)).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert ("no-store" in headers.get("cache-control", "")) == path.startswith("/v1")
        assert "strict-transport-security" not in headers
        assert "access-control-allow-origin" not in headers


async def test_behind_tls_browsers_are_told_to_stay_there(app: FastAPI) -> None:
    async with client_of(with_settings(app, gateway_behind_tls=True)) as client:
        assert "max-age=" in (await client.get("/v1/jobs")).headers["strict-transport-security"]


async def test_a_body_that_is_no_file_has_a_cap_on_every_route(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    body = b'{"x": "' + b"y" * MAX_BODY_BYTES + b'"}'
    for method, path in calls(app):
        if method not in {"POST", "PUT", "PATCH"} or path.startswith(("/v1/uploads", "/v1/jobs")):
            continue
        answer = await client.request(
            method, path, content=body, headers={"content-type": "application/json"}
        )
        # Those that read no body may answer before it has come.
        if answer.status_code == 413:
            assert str(check_shape(answer)["code"]).endswith("_too_large")
        else:
            assert answer.status_code in {405, 422, 503} or answer.is_success, path


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_over_the_cap_is_one_error_with_one_shape(app: FastAPI, *, declared: bool) -> None:
    @app.post("/v1/echo")
    async def echo(body: dict[str, str]) -> dict[str, str]:
        return body

    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"x": "'
        for _ in range(20):
            yield b"y" * (MAX_BODY_BYTES // 10)

    async with client_of(app) as client:
        body = b"y" * (MAX_BODY_BYTES + 1) if declared else pieces()
        answer = await client.post("/v1/echo", content=body, headers={"content-type": "application/json"})
        assert (answer.status_code, check_shape(answer)["code"]) == (413, "body_too_large")
        assert (await client.post("/v1/echo", json={"a": "b"})).json() == {"a": "b"}


async def test_headers_and_targets_have_limits(client: httpx.AsyncClient) -> None:
    many = {f"x-{number}": "1" for number in range(MAX_HEADERS)}
    for answer in (
        await client.get("/v1/jobs", headers=many),
        await client.get("/v1/jobs", headers={"x-long": "y" * 20_000}),
    ):
        assert (answer.status_code, check_shape(answer)["code"]) == (431, "headers_too_large")
    answer = await client.get("/v1/jobs?" + "y" * 10_000)
    assert (answer.status_code, check_shape(answer)["code"]) == (414, "target_too_long")


async def test_more_requests_than_one_gateway_serves_are_told_to_come_again(app: FastAPI) -> None:
    crowded = with_settings(app, gateway_max_requests=0)
    async with client_of(crowded) as client:
        answer = await client.get("/v1/jobs")
        assert (answer.status_code, check_shape(answer)["code"]) == (503, "gateway_busy")
        assert int(answer.headers["retry-after"]) > 0
        assert (await client.get("/healthz")).status_code == 200


async def test_pages_may_call_when_a_setting_names_them(app: FastAPI) -> None:
    asked = {"origin": PAGE, "access-control-request-method": "PATCH",
             "access-control-request-headers": "upload-offset,authorization"}  # fmt: skip
    async with client_of(with_settings(app, gateway_cors_origins=f"{PAGE}/, https://b.example")) as client:
        allowed = await client.options("/v1/uploads/x", headers=asked)
        assert allowed.headers["access-control-allow-origin"] == PAGE
        answer = await client.get("/v1/jobs", headers={"origin": PAGE})
        assert answer.headers["access-control-allow-origin"] == PAGE
        shown = answer.headers["access-control-expose-headers"].split(", ")
        assert {"upload-offset", "retry-after", *headers_of(Rate(60, 1))} <= set(shown)
        other = await client.get("/v1/jobs", headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers


async def test_a_page_hears_of_a_defect_as_well(app: FastAPI) -> None:
    app = with_settings(app, gateway_cors_origins=PAGE)

    @app.get("/fails")
    def fails() -> None:
        raise ValueError

    async with client_of(app) as client:
        answer = await client.get("/fails", headers={"origin": PAGE})
        assert (answer.status_code, check_shape(answer)["code"]) == (500, "internal_error")
        assert answer.headers["access-control-allow-origin"] == PAGE


async def test_a_status_is_logged_as_a_number(app: FastAPI) -> None:
    @app.get("/named")
    def named() -> Response:
        return Response(status_code=HTTPStatus.ACCEPTED)

    with capture_logs() as lines:
        async with client_of(app) as client:
            await client.get("/named")
    (line,) = (line for line in lines if line["event"] == "request")
    assert repr(line["status"]) == "202"
