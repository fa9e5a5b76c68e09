"""Page tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.api.pages import make_token, read_token
from services.gateway.jobs.ids import new_job_id
from services.shared.errors import InvalidRequest


@pytest.mark.parametrize("state", [None, "running"])
def test_a_token_goes_on_where_its_page_ended(state: str | None) -> None:
    job_id = new_job_id()
    assert read_token(make_token(job_id, state), state) == job_id


def test_the_first_page_and_the_end_have_no_token() -> None:
    assert read_token("", "running") is None
    assert make_token(None, "running") == ""


def test_a_token_is_for_its_filter_only() -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_token(make_token(new_job_id(), "running"), "failed")
    assert caught.value.code == "invalid_page_token"


@given(st.text(min_size=1) | st.binary(min_size=1).map(lambda raw: raw.hex()))
def test_what_was_not_made_here_is_refused(token: str) -> None:
    with pytest.raises(InvalidRequest):
        read_token(token, None)


@pytest.mark.parametrize("before", ["../x", "job_1"])
def test_a_forged_token_reaches_no_store(before: str) -> None:
    with pytest.raises(InvalidRequest):
        read_token(make_token(before, None), None)
