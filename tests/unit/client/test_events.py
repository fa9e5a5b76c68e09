"""Events: read however they are cut, resumed where they broke off, and waited for."""

from __future__ import annotations

import asyncio
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman import AsyncDragoman, Job, errors, events
from dragoman.sse import EventParser
from tests.support.stub_gateway import Answer, StubGateway
from tests.unit.client.conftest import Either
from tests.unit.client.documents import BUSY, DONE, JOB, event

STREAM = "GET /v1/jobs/job_1/events"


def parsed(chunks: list[bytes]) -> list[tuple[str, str]]:
    parser = EventParser()
    return [(each.data, each.id) for chunk in chunks for each in parser.feed(chunk)]


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), min_size=1)),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.lists(st.integers(0, 200)),
)
def test_data_comes_back_as_it_was_sent_however_it_is_cut(
    texts: list[str], end: str, cuts: list[int]
) -> None:
    stream = "".join(f"event: job{end}id: {n}{end}data: {text}{end}{end}" for n, text in enumerate(texts))
    # One more line end, since a "\r" at the very end might be half of one.
    sent = (stream + ":\n").encode()
    places = [0, *sorted(cut for cut in cuts if cut < len(sent)), len(sent)]
    chunks = [sent[start:stop] for start, stop in itertools.pairwise(places)]
    assert parsed(chunks) == [(text, str(n)) for n, text in enumerate(texts)]


def test_lines_of_one_event_are_joined_and_comments_are_passed_over() -> None:
    assert parsed([b": hello\n\ndata: a\ndata:b\nid: 7\n\n\n"]) == [("a\nb", "7")]


def test_an_event_without_its_end_is_none() -> None:
    assert parsed([b"data: half"]) == []


@pytest.mark.parametrize(("said", "seconds"), [(b"2000", 2.0), (b"86400000", 5.0), (b"soon", None)])
def test_a_stream_says_when_to_come_back_but_not_never(said: bytes, seconds: float | None) -> None:
    parser = EventParser()
    list(parser.feed(b"retry: " + said + b"\n\n"))
    assert parser.retry_s == seconds


def test_events_end_with_the_job(gateway: StubGateway, either: Either) -> None:
    gateway.say_bytes(
        STREAM, b": keep-alive\n\n" + event(JOB) + event(DONE) + event(JOB), "text/event-stream"
    )
    seen = either(lambda client: client.jobs.events("job_1"))
    assert [job.state for job in seen] == ["running", "succeeded"]


def test_events_go_on_after_the_last_one_that_was_seen(gateway: StubGateway, either: Either) -> None:
    gateway.say_bytes(STREAM, b"retry: 2000\n\n" + event(JOB, 4), "text/event-stream")
    gateway.add(STREAM, Answer(event(DONE, 5) * 2, media_type="text/event-stream", cut_at=5))
    gateway.say_bytes(STREAM, event(DONE, 5), "text/event-stream")
    seen = either(lambda client: client.jobs.events(Job.model_validate(JOB)))
    assert [job.version for job in seen] == [4, 5]
    assert [headers.get("Last-Event-ID") for _, headers, _ in gateway.requests] == [None, "4", "4"]
    assert either.waits_s == [2.0, 2.0]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_events_go_on_after_a_passing_failure(gateway: StubGateway, either: Either, status: int) -> None:
    gateway.say(STREAM, BUSY, status)
    gateway.say_bytes(STREAM, event(DONE), "text/event-stream")
    assert [job.state for job in either(lambda client: client.jobs.events("job_1"))] == ["succeeded"]


def test_events_go_on_after_a_silence(
    gateway: StubGateway, either: Either, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_SILENCE_S", 0.1)
    gateway.say(STREAM, {}, 200)
    gateway.answers[STREAM][0].delay_s = 0.5
    gateway.say_bytes(STREAM, event(DONE), "text/event-stream")
    assert [job.state for job in either(lambda client: client.jobs.events("job_1"))] == ["succeeded"]


def test_events_of_no_job_are_not_asked_for_again(gateway: StubGateway, either: Either) -> None:
    gateway.say(STREAM, {"code": "job_not_found", "detail": "There is none."}, 404)
    with pytest.raises(errors.NotFound) as caught:
        either(lambda client: client.jobs.events("job_1"))
    assert caught.value.code == "job_not_found"
    assert len(gateway.requests) == 1


def test_events_of_a_gateway_that_stays_away_are_given_up(gateway: StubGateway, either: Either) -> None:
    gateway.say(STREAM, {}, 0)
    with pytest.raises(errors.Unreachable):
        either(lambda client: client.jobs.events("job_1"))
    assert len(either.waits_s) == 30


def test_events_that_break_off_before_they_begin_are_given_up_too(
    gateway: StubGateway, either: Either
) -> None:
    gateway.add(STREAM, Answer(event(DONE), media_type="text/event-stream", cut_at=0))
    with pytest.raises(errors.Unreachable):
        either(lambda client: client.jobs.events("job_1"))
    assert len(either.waits_s) == 30


def test_a_job_is_waited_for_and_its_progress_told(gateway: StubGateway, either: Either) -> None:
    gateway.say_bytes(STREAM, event(JOB) + event(DONE), "text/event-stream")
    told: list[str] = []
    ended = either(lambda client: client.jobs.wait("job_1", on_progress=lambda job: told.append(job.state)))
    assert (ended.state, told) == ("succeeded", ["running", "succeeded"])


async def test_progress_may_be_told_to_a_coroutine(gateway: StubGateway) -> None:
    gateway.say_bytes(STREAM, event(DONE), "text/event-stream")
    told: asyncio.Queue[Job] = asyncio.Queue()
    async with AsyncDragoman(gateway.url, api_key="k") as client:
        await client.jobs.wait("job_1", on_progress=told.put)
    assert (await told.get()).state == "succeeded"


def test_a_job_that_was_over_when_the_stream_went_on_is_asked_for(
    gateway: StubGateway, either: Either
) -> None:
    gateway.add(STREAM, Answer(b"", 204))
    gateway.say("GET /v1/jobs/job_1", DONE)
    assert either(lambda client: client.jobs.wait("job_1")).state == "succeeded"


def test_nobody_waits_longer_than_asked(gateway: StubGateway, either: Either) -> None:
    gateway.say_bytes(STREAM, event(JOB), "text/event-stream")
    with pytest.raises(errors.WaitedTooLong) as caught:
        either(lambda client: client.jobs.wait("job_1", timeout_s=0.2))
    assert caught.value.retryable
    assert gateway.requests


def test_a_silent_stream_does_not_outlast_the_wait(gateway: StubGateway, either: Either) -> None:
    """The stub would be silent for longer than the test may take."""
    gateway.say_bytes(STREAM, event(DONE), "text/event-stream")
    gateway.answers[STREAM][0].delay_s = 3.0
    with pytest.raises(errors.WaitedTooLong):
        either(lambda client: client.jobs.wait("job_1", timeout_s=0.2))


def test_a_stream_that_is_left_is_closed(gateway: StubGateway) -> None:
    gateway.say_bytes(STREAM, json.dumps(JOB).encode().join([b"data: ", b"\n\n"]) * 3, "text/event-stream")

    async def first() -> int:
        async with AsyncDragoman(gateway.url, api_key="k") as client:
            stream = client.jobs.events("job_1")
            await anext(stream)
            await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
            return len(client.driver.http._transport._pool.connections)  # type: ignore[attr-defined]  # httpx names no public way

    assert asyncio.run(first()) == 0
