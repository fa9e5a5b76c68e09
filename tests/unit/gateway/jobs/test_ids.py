"""Job ids."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.jobs.ids import JOB_ID, new_job_id, uuid7_hex

MOMENTS = st.integers(0, 2**48 - 1)


@given(MOMENTS)
def test_an_id_is_a_uuid_of_version_7_that_holds_its_time(now_ms: int) -> None:
    made = uuid.UUID(uuid7_hex(now_ms))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == now_ms


@given(MOMENTS, MOMENTS)
def test_ids_sort_by_time(one_ms: int, other_ms: int) -> None:
    if one_ms < other_ms:
        assert uuid7_hex(one_ms) < uuid7_hex(other_ms)


def test_a_job_id_matches_its_pattern_and_is_new() -> None:
    ids = {new_job_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(JOB_ID.fullmatch(each) for each in ids)
