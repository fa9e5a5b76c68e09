"""Errors on HTTP."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from services.gateway.api.errors import STATUS, status_of
from services.gateway.jobs.spec import FieldError, InvalidFields
from services.shared import errors
from services.shared.errors import DragomanError

SECRET = "the customer said 4111"
FAMILIES = [cls for cls in errors.tree() if cls.__module__ == errors.__name__]


def check_shape(response: httpx.Response) -> dict[str, object]:
    """Assert the one shape that every failure has."""
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, object] = response.json()
    error = body["error"]
    assert isinstance(error, dict)
    assert body["status"] == response.status_code
    assert body["type"] == "about:blank"
    assert body["title"]
    assert body["request_id"] == response.headers["x-request-id"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["message"], error["code"]) == (body["detail"], body["code"])
    assert set(body) - {"errors"} == {"type", "title", "status", "detail", "code", "request_id", "error"}
    return body


def raising(app: FastAPI, error: Exception) -> None:
    """Add a route that fails."""

    @app.get("/fails")
    def fails() -> None:
        raise error


def test_the_table_of_statuses_holds_every_family() -> None:
    assert set(STATUS) == set(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
async def test_every_family_has_one_shape(
    app: FastAPI, client: httpx.AsyncClient, family: type[DragomanError]
) -> None:
    raising(app, family("Do this instead.", code="narrowed"))
    response = await client.get("/fails")
    body = check_shape(response)
    assert response.status_code == STATUS[family]
    assert (body["detail"], body["code"]) == ("Do this instead.", "narrowed")
    assert ("retry-after" in response.headers) == family.retryable


async def test_a_defect_says_nothing_of_its_text(app: FastAPI, client: httpx.AsyncClient) -> None:
    raising(app, ValueError(SECRET))
    response = await client.get("/fails")
    assert check_shape(response)["code"] == "internal_error"
    assert response.status_code == 500
    assert SECRET not in response.text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "path_not_found"),
        ("GET", "/docs", 404, "path_not_found"),
        ("PUT", "/v1/jobs", 405, "method_not_allowed"),
        ("GET", "/v1/jobs?page_size=-1", 422, "invalid_parameter"),
        ("GET", "/v1/jobs?page_size=many", 422, "invalid_parameter"),
        ("GET", "/v1/jobs?state=lost", 422, "invalid_parameter"),
        ("GET", "/v1/jobs?page_token=abc", 422, "invalid_page_token"),
        ("GET", "/v1/jobs/job_1", 404, "job_not_found"),
    ],
)
async def test_the_frameworks_own_errors_have_it_too(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    response = await client.request(method, path)
    assert (response.status_code, check_shape(response)["code"]) == (status, code)


async def test_a_wrong_parameter_is_named(client: httpx.AsyncClient) -> None:
    body = check_shape(await client.get("/v1/jobs?page_size=many"))
    assert isinstance(body["errors"], list)
    assert [each["field"] for each in body["errors"]] == ["page_size"]


async def test_a_method_that_is_not_there_lists_those_that_are(client: httpx.AsyncClient) -> None:
    assert (await client.put("/healthz")).headers["allow"] == "GET"


async def test_a_conflict_is_not_to_be_repeated_unless_time_resolves_it(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    raising(app, errors.Conflict("The job is over.", code="job_finished"))
    over = await client.get("/fails")
    assert over.headers["x-should-retry"] == "false"
    assert "retry-after" not in over.headers


@pytest.mark.parametrize(
    ("error", "wait_s"),
    [
        (errors.Overloaded("Full.", code="backlog_full"), 30),
        (errors.Overloaded("Full.", code="tenant_backlog_full"), 30),
        (errors.StorageFailure("Full.", code="storage_full"), 30),
        (errors.Unavailable("Full.", code="redis_full"), 30),
        (errors.Overloaded("A service is full."), 2),
        (errors.Unavailable("Away.", code="redis_unavailable"), 2),
    ],
)
async def test_what_is_full_is_to_be_left_alone_for_longer_than_what_is_away(
    app: FastAPI, client: httpx.AsyncClient, error: DragomanError, wait_s: int
) -> None:
    raising(app, error)
    assert (await client.get("/fails")).headers["retry-after"] == str(wait_s)


async def test_a_mistake_of_the_operator_is_not_to_be_repeated(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    raising(app, errors.Misconfigured("Set it right."))
    answer = await client.get("/fails")
    assert (answer.status_code, answer.headers["x-should-retry"]) == (500, "false")


async def test_a_missing_key_is_asked_for(stranger: httpx.AsyncClient) -> None:
    response = await stranger.get("/v1/jobs")
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert check_shape(response)["code"] == "missing_key"


async def test_a_request_keeps_its_id(client: httpx.AsyncClient) -> None:
    response = await client.get("/healthz", headers={"x-request-id": "call-42.a_b"})
    assert response.headers["x-request-id"] == "call-42.a_b"


@pytest.mark.parametrize("sent", ["", "a b", "x" * 129, "a\tb"])
async def test_an_id_that_is_none_is_replaced(client: httpx.AsyncClient, sent: str) -> None:
    response = await client.get("/nowhere", headers={"x-request-id": sent})
    assert response.headers["x-request-id"].startswith("req_")
    assert response.json()["request_id"] == response.headers["x-request-id"]


def test_a_narrower_class_has_the_status_of_its_family() -> None:
    assert status_of(InvalidFields("spec", (FieldError("a", "b"),), code="invalid_spec")) == 422
