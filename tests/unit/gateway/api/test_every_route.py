"""Every route fails in the one shape, whichever error it meets, and so does what is no route."""

from __future__ import annotations

import dataclasses
from typing import Any, NoReturn

import httpx
import pytest
from fastapi import FastAPI

from services.gateway.access.keys import Keys
from services.gateway.access.model import Caller
from services.gateway.api.context import authenticate, context_of
from services.gateway.api.description import describe
from services.gateway.api.errors import status_of
from services.shared import errors
from services.shared.errors import DragomanError
from tests.support.routes import Route, routes_of
from tests.unit.gateway.api.test_errors import FAMILIES, check_shape
from tests.unit.gateway.conftest import KEY

# Answer without asking anything that could fail.
UNFAILING = {"GET /healthz"}
UNDESCRIBED = {"GET /v1/openapi.json"}


def failing(app: FastAPI, error: Exception) -> None:
    """Have every route meet an error before it does anything: in what it depends on, or in the keys."""

    async def fail() -> NoReturn:
        raise error

    class FailingKeys(Keys):
        async def caller(self, key: str | None) -> Caller:
            raise error

    app.dependency_overrides |= {authenticate: fail, context_of: fail}
    app.state.context = dataclasses.replace(app.state.context, keys=FailingKeys(KEY))


def filled(route: Route) -> str:
    return route.filled(**dict.fromkeys(route.fields, "x1"))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
async def test_every_error_on_every_route_has_the_one_shape(
    app: FastAPI, client: httpx.AsyncClient, family: type[DragomanError]
) -> None:
    failing(app, family("Do this instead.", code="narrowed"))
    asked = [route for route in routes_of(app) if str(route) not in UNFAILING]
    assert len(asked) > 30
    for route in asked:
        answer = await client.request(route.method, filled(route), headers={"x-request-id": "mine-7"})
        assert answer.status_code == status_of(family("")), route
        assert answer.headers["x-request-id"] == "mine-7", route
        check_headers(answer, family)
        if route.method != "HEAD":
            body = check_shape(answer)
            assert (body["detail"], body["code"]) == ("Do this instead.", "narrowed"), route


def check_headers(answer: httpx.Response, family: type[DragomanError]) -> None:
    """Assert that the headers say whether, and when, to come back."""
    assert ("retry-after" in answer.headers) == family.retryable
    stubborn = answer.status_code == 409 or answer.status_code >= 500
    assert (answer.headers.get("x-should-retry") == "false") == (stubborn and not family.retryable)
    assert ("www-authenticate" in answer.headers) == (family is errors.Unauthorized)
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_defect_on_every_route_has_it_too(app: FastAPI, client: httpx.AsyncClient) -> None:
    failing(app, RuntimeError("what was said in the call"))
    for route in routes_of(app):
        if str(route) not in UNFAILING:
            answer = await client.request(route.method, filled(route))
            assert (answer.status_code, "said" in answer.text) == (500, False), route
            assert answer.headers["x-request-id"].startswith("req_"), route
            assert answer.headers["x-content-type-options"] == "nosniff", route


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data", "text/plain"])
async def test_without_a_key_nothing_else_is_said_on_any_route(
    app: FastAPI, stranger: httpx.AsyncClient, kind: str
) -> None:
    # Nor that Redis is missing here, nor that this is no JSON and no form.
    for route in routes_of(app):
        if route.path.startswith("/v1"):
            answer = await stranger.request(
                route.method, filled(route), content=b"{bad", headers={"content-type": kind}
            )
            assert answer.status_code == 401, route
    assert (await stranger.get("/readyz?of=nothing")).status_code == 422


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_a_path_that_is_not_there_is_no_secret(stranger: httpx.AsyncClient, method: str) -> None:
    for path in (
        "/",
        "/v1",
        "/v2/jobs",
        "/v1/nothing",
        "/v1/jobs/x/y/z",
        "/docs",
        "/%00",
        "/v1/jobs/../..",
        "/v1/jobs/",
        "/healthz/",
    ):
        answer = await stranger.request(method, path)
        assert (answer.status_code, check_shape(answer)["code"]) == (404, "path_not_found"), path


async def test_a_wrong_method_names_all_the_right_ones(app: FastAPI, client: httpx.AsyncClient) -> None:
    by_path: dict[str, set[str]] = {}
    for route in routes_of(app):
        by_path.setdefault(filled(route), set()).add(route.method)
    for path, methods in by_path.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - methods:
            answer = await client.request(method, path)
            assert (answer.status_code, check_shape(answer)["code"]) == (405, "method_not_allowed"), path
            assert set(answer.headers["allow"].split(", ")) == methods, path


async def test_a_path_too_long_or_too_many_headers_are_refused(client: httpx.AsyncClient) -> None:
    for path, headers, status in (
        ("/v1/jobs/" + "x" * 9_000, {}, 414),
        ("/v1/jobs?state=" + "x" * 9_000, {}, 414),
        ("/v1/jobs", {"x-much": "x" * 20_000}, 431),
        ("/v1/jobs", {f"x-{n}": "1" for n in range(120)}, 431),
    ):
        answer = await client.get(path, headers=headers)
        assert answer.status_code == status
        check_shape(answer)


def test_every_route_is_described_and_its_failures_too(app: FastAPI) -> None:
    description = describe(app)
    paths = description["paths"].items()
    shown = {f"{method.upper()} {path}" for path, methods in paths for method in methods}
    hidden_heads = {str(route) for route in routes_of(app) if route.method == "HEAD"}
    there = {str(route).replace(":path}", "}") for route in routes_of(app)}
    assert there - shown - hidden_heads == UNDESCRIBED
    assert shown <= there
    for path, methods in paths:
        for method, operation in methods.items():
            assert {"4XX", "5XX"} <= set(operation["responses"]), (method, path)
            assert (operation.get("security") == []) == (not path.startswith("/v1/")), path


def test_the_description_refers_to_nothing_that_is_not_there(app: FastAPI) -> None:
    description = describe(app)
    assert description["openapi"].startswith("3.1")
    for reference in references(description):
        place: Any = description
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [each for value in node.values() for each in references(value)]
    return [each for value in node for each in references(value)] if isinstance(node, list) else []


def test_describing_twice_says_the_same(app: FastAPI) -> None:
    assert describe(app) == describe(app)
