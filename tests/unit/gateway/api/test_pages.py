"""Page tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.api.pages import make_token, read_token
from services.gateway.jobs.ids import new_job_id
from services.gateway.jobs.model import JobState
from services.gateway.jobs.ports import JobQuery
from services.shared.errors import InvalidRequest

MOMENT = datetime(2026, 1, 2, tzinfo=UTC)
ALL = JobQuery("acme", 50)
# One more filter than ALL each.
FILTERED = [
    JobQuery("acme", 50, state=JobState.RUNNING),
    JobQuery("acme", 50, state=JobState.FAILED),
    JobQuery("acme", 50, kind="decode"),
    JobQuery("acme", 50, created_after=MOMENT),
    JobQuery("acme", 50, created_after=MOMENT + timedelta(seconds=1)),
    JobQuery("acme", 50, created_before=MOMENT),
    JobQuery("acme", 50, metadata={"a": "1"}),
    JobQuery("acme", 50, metadata={"a": "1", "b": "2"}),
    JobQuery("acme", 50, metadata={"a": "12"}),
]


@pytest.mark.parametrize("query", [ALL, *FILTERED])
def test_a_token_goes_on_where_its_page_ended(query: JobQuery) -> None:
    job_id = new_job_id()
    assert read_token(make_token(job_id, query), query) == job_id


def test_the_first_page_and_the_end_have_no_token() -> None:
    assert read_token("", FILTERED[0]) is None
    assert make_token(None, FILTERED[0]) == ""


def test_a_token_is_for_its_filter_only() -> None:
    queries = [ALL, *FILTERED]
    for made, used in ((made, used) for made in queries for used in queries if made is not used):
        with pytest.raises(InvalidRequest) as caught:
            read_token(make_token(new_job_id(), made), used)
        assert caught.value.code == "invalid_page_token"


def test_pages_of_one_list_may_be_of_different_lengths() -> None:
    job_id = new_job_id()
    assert read_token(make_token(job_id, ALL), JobQuery("acme", 5)) == job_id


def test_the_order_of_metadata_is_no_other_filter() -> None:
    one, other = ({"a": "1", "b": "2"}, {"b": "2", "a": "1"})
    assert list(one) != list(other)
    token = make_token(new_job_id(), JobQuery("acme", 5, metadata=one))
    assert read_token(token, JobQuery("acme", 5, metadata=other))


@given(st.text(min_size=1) | st.binary(min_size=1).map(lambda raw: raw.hex()))
def test_what_was_not_made_here_is_refused(token: str) -> None:
    with pytest.raises(InvalidRequest):
        read_token(token, ALL)


@pytest.mark.parametrize("before", ["../x", "job_1"])
def test_a_forged_token_reaches_no_store(before: str) -> None:
    with pytest.raises(InvalidRequest):
        read_token(make_token(before, ALL), ALL)
