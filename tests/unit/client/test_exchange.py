"""Requests: what they carry, when they are sent again, and how answers and failures come back."""

from __future__ import annotations

import itertools

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dragoman
from dragoman import AsyncDragoman, Dragoman, errors
from dragoman.exchange import path, wait_s
from tests.support.stub_gateway import Answer, StubGateway
from tests.unit.client.conftest import Either
from tests.unit.client.documents import BUSY, DONE, JOB


def test_every_request_carries_the_key(gateway: StubGateway, either: Either) -> None:
    gateway.say("GET /v1/jobs/job_1", JOB)
    assert either(lambda client: client.jobs.get("job_1")).state == "running"
    assert gateway.requests[0][1]["Authorization"] == "Bearer the-key"


def test_a_job_is_read_and_fields_of_a_newer_gateway_are_passed_over(
    gateway: StubGateway, either: Either
) -> None:
    gateway.say("GET /v1/jobs/job_1", JOB)
    job = either(lambda client: client.jobs.get("job_1"))
    assert (job.state, job.final, job.good, job.wall_s) == ("running", False, False, None)
    assert job.progress["codec.decode"].done == 1
    assert job.usage["codec.decode"].busy_ms == 120
    assert (job.files[0].name, job.queue.position) == ("result.json", 3)


def test_a_finished_job_knows_its_wall_time() -> None:
    job = dragoman.Job.model_validate(DONE)
    assert (job.final, job.good, job.wall_s) == (True, True, 10)


@pytest.mark.parametrize("status", [0, 429, 502, 503, 504])
def test_what_is_safe_to_repeat_is_sent_again_after_a_passing_failure(
    gateway: StubGateway, either: Either, status: int
) -> None:
    gateway.say("GET /v1/jobs/job_1", BUSY, status)
    gateway.say("GET /v1/jobs/job_1", BUSY, status)
    gateway.say("GET /v1/jobs/job_1", JOB)
    assert either(lambda client: client.jobs.get("job_1")).id == "job_1"
    assert len(either.waits_s) == 2


@pytest.mark.parametrize("status", [0, 429, 503])
def test_what_is_not_safe_to_repeat_is_sent_once(gateway: StubGateway, either: Either, status: int) -> None:
    gateway.say("POST /v1/keys", BUSY, status)
    with pytest.raises(dragoman.DragomanError) as caught:
        either(lambda client: client.keys.create("acme"))
    assert caught.value.retryable
    assert len(gateway.requests) == 1


def test_what_never_left_is_sent_again_whatever_it_is(gateway: StubGateway, either: Either) -> None:
    either._url = "http://127.0.0.1:1"
    with pytest.raises(errors.Unreachable, match="start the gateway") as caught:
        either(lambda client: client.keys.create("acme"))
    assert (caught.value.code, caught.value.status) == ("gateway_unreachable", None)
    assert len(either.waits_s) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 500])
def test_a_refusal_is_final(gateway: StubGateway, either: Either, status: int) -> None:
    gateway.say("GET /v1/jobs/job_1", {"code": "refused", "detail": "No."}, status)
    with pytest.raises(errors.Refused):
        either(lambda client: client.jobs.get("job_1"))
    assert len(gateway.requests) == 1


@pytest.mark.parametrize(("said", "status", "requests"), [("false", 503, 1), ("true", 500, 3)])
def test_the_gateway_has_the_last_word_on_repeating(
    gateway: StubGateway, either: Either, said: str, status: int, requests: int
) -> None:
    gateway.say("GET /v1/jobs/job_1", BUSY, status, x_should_retry=said)
    with pytest.raises(errors.ServerFailure) as caught:
        either(lambda client: client.jobs.get("job_1"))
    assert len(gateway.requests) == requests
    assert caught.value.retryable == (said == "true")


def test_waits_are_as_long_as_the_gateway_says(gateway: StubGateway, either: Either) -> None:
    gateway.say("GET /v1/jobs/job_1", BUSY, 429, Retry_After="30")
    gateway.say("GET /v1/jobs/job_1", JOB)
    either(lambda client: client.jobs.get("job_1"))
    assert either.waits_s == [30.0]


def test_an_answer_that_takes_too_long_is_a_failure_of_its_own(gateway: StubGateway, either: Either) -> None:
    gateway.say("GET /v1/jobs/job_1", JOB)
    gateway.answers["GET /v1/jobs/job_1"][0].delay_s = 0.5
    either.timeout_s, either.max_retries = 0.05, 0
    with pytest.raises(errors.TimedOut) as caught:
        either(lambda client: client.jobs.get("job_1"))
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidRequest),
        (401, errors.Unauthorized),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (405, errors.InvalidRequest),
        (409, errors.Conflict),
        (413, errors.TooLarge),
        (422, errors.InvalidRequest),
        (429, errors.RateLimited),
        (500, errors.ServerFailure),
        (503, errors.ServerFailure),
    ],
)
def test_a_problem_document_comes_back_as_the_error_it_names(
    gateway: StubGateway, either: Either, status: int, kind: type[errors.Refused]
) -> None:
    wrong = [{"field": "channels.0.role", "message": "must be short"}]
    document = {"status": status, "code": "some_code", "detail": "Do this.", "errors": wrong}
    gateway.say("GET /v1/jobs/job_1", document, status, x_request_id="req_7")
    either.max_retries = 0
    with pytest.raises(kind) as caught:
        either(lambda client: client.jobs.get("job_1"))
    error = caught.value
    assert type(error) is kind
    assert (error.code, error.detail, str(error)) == ("some_code", "Do this.", "Do this.")
    assert (error.status, error.request_id, error.errors) == (status, "req_7", wrong)
    assert error.retryable == (status in {429, 503})


@given(st.binary(max_size=40), st.integers(300, 599))
def test_an_answer_that_is_no_problem_document_is_still_an_error_with_a_code(
    body: bytes, status: int
) -> None:
    error = errors.refused(httpx.Response(status, content=body))
    assert error.code
    assert error.detail
    assert error.status == status


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"[]", b'{"id": 7}', b""])
def test_an_answer_of_something_else_is_no_defect(gateway: StubGateway, either: Either, body: bytes) -> None:
    gateway.add("GET /v1/jobs/job_1", Answer(body))
    with pytest.raises(errors.ServerFailure) as caught:
        either(lambda client: client.jobs.get("job_1"))
    assert caught.value.code == "no_gateway"


def test_a_redirect_is_not_followed_with_the_key(gateway: StubGateway, either: Either) -> None:
    gateway.say("GET /v1/jobs/job_1", {}, 302, Location=f"{gateway.url}/elsewhere")
    with pytest.raises(errors.InvalidRequest):
        either(lambda client: client.jobs.get("job_1"))
    assert gateway.asked() == ["GET /v1/jobs/job_1"]


@pytest.mark.parametrize(
    ("said", "seconds"), [("2", 2), ("0", 0), ("86400", 60), ("-1", 0), ("", 0), ("²", 0), ("soon", 0)]
)
def test_a_wait_is_as_asked_but_never_endless(said: str, seconds: float) -> None:
    answer = httpx.Response(503, headers=[(b"Retry-After", said.encode())])
    assert errors.retry_after_s(answer) == seconds


@pytest.mark.parametrize(
    ("said", "seconds"), [("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("Wed, 21 Oct 2999 07:28:00 GMT", 60)]
)
def test_a_wait_may_be_a_date(said: str, seconds: float) -> None:
    assert errors.retry_after_s(httpx.Response(503, headers={"Retry-After": said})) == seconds


def test_waits_grow_and_differ_between_clients_but_not_without_end() -> None:
    failed = errors.Unreachable("It broke.")
    waits = [[wait_s(attempt, failed) for attempt in range(8)] for _ in range(20)]
    for each in waits:
        assert all(0.375 * 2**n <= wait <= 0.5 * 2**n for n, wait in enumerate(each[:5]))
        assert max(each) <= 8
    assert len({each[0] for each in waits}) > 1


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=3))
def test_nothing_in_a_name_leads_to_another_path(parts: list[str]) -> None:
    made = path(*parts)
    assert made.count("/") == 1 + len(parts)
    assert made.isascii()
    assert not set(made) & set("?#\\ ")


def test_lists_are_fetched_page_by_page_as_they_are_needed(gateway: StubGateway) -> None:
    gateway.say("GET /v1/jobs", {"jobs": [JOB, JOB], "next_page_token": "more"})
    gateway.say("GET /v1/jobs", {"jobs": [DONE], "next_page_token": ""})
    with Dragoman(gateway.url, api_key="k") as client:
        jobs = client.jobs.list(state="running", metadata={"call": "7"})
        list(itertools.islice(jobs, 2))
        assert len(gateway.requests) == 1
        assert [job.state for job in jobs] == ["succeeded"]
    assert gateway.queries == [
        "state=running&metadata.call=7&page_size=100",
        "state=running&metadata.call=7&page_size=100&page_token=more",
    ]


def test_a_list_ends_where_it_is_told_to(gateway: StubGateway, either: Either) -> None:
    gateway.say("GET /v1/jobs", {"jobs": [JOB, JOB, JOB], "next_page_token": "more"})
    assert len(either(lambda client: client.jobs.list(limit=2))) == 2
    assert either(lambda client: client.jobs.list(limit=0)) == []
    assert gateway.queries == ["page_size=2"]


async def test_clients_close_their_own_connections_and_no_others(gateway: StubGateway) -> None:
    with Dragoman(gateway.url, api_key="k") as own:
        pass
    assert own.driver.http.is_closed
    async with AsyncDragoman(gateway.url, api_key="k") as own_async:
        pass
    assert own_async.driver.http.is_closed
    with httpx.Client() as http:
        with Dragoman(gateway.url, api_key="k", http=http):
            pass
        assert not http.is_closed


def test_a_client_shows_no_key() -> None:
    with Dragoman(api_key="dgm_secret") as client:
        assert "dgm_secret" not in repr(client)
        assert "dgm_secret" not in repr(client.driver)
        assert "dgm_secret" not in repr(vars(client))


def test_both_clients_have_the_same_methods_which_describe_themselves() -> None:
    with Dragoman(api_key="k") as client:
        for group in (client.jobs, client.uploads, client.glossaries, client.webhooks, client.keys):
            for name in [each for each in dir(group) if not each.startswith("_") and each != "driver"]:
                assert getattr(group, name).__doc__, name
