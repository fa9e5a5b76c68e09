"""Lists and looks at many jobs: what every job store must do."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

from services.gateway.jobs.ids import new_job_id
from services.gateway.jobs.model import JobState
from services.gateway.jobs.ports import Head, JobQuery
from services.gateway.jobs.queue import waits_at
from services.shared import tasks
from tests.contract.shop import Shop, decode, look, submission, submit, translate


def put(shop: Shop, kind: str, tenant: str = "default", **metadata: str) -> str:
    """Submit a job with metadata, in a millisecond of its own; return its id."""
    begun_ms = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 == begun_ms:
        pass
    new = submission(kind, tenant)
    shop.store.submit(replace(new, job=replace(new.job, metadata=metadata)))
    return new.job.id


def found(shop: Shop, **filters: object) -> list[str]:
    query = replace(JobQuery("default", 50), **filters)  # type: ignore[arg-type]  # fields of a query
    return [job.id for job in shop.store.list(query)]


def test_a_list_is_narrowed_by_everything_that_is_asked_for(shop: Shop) -> None:
    blue = put(shop, "decode", team="blue", call="7")
    red = put(shop, "encode", team="red")
    put(shop, "decode", "acme", team="blue")
    assert found(shop) == [red, blue]
    assert found(shop, kind="encode") == [red]
    assert found(shop, metadata={"team": "blue"}) == [blue]
    assert found(shop, metadata={"team": "blue", "call": "8"}) == []
    assert found(shop, kind="decode", metadata={"team": "red"}) == []
    assert found(shop, kind="decode", state=JobState.QUEUED, before=red) == [blue]


def test_a_list_is_narrowed_by_when_jobs_were_created(shop: Shop) -> None:
    first, second = put(shop, "decode"), put(shop, "decode")
    moment = look(shop, first).created_at
    hour = timedelta(hours=1)
    assert set(found(shop, created_after=moment)) >= {first}
    assert found(shop, created_before=moment) == []
    assert found(shop, created_after=moment - hour, created_before=moment + hour) == [second, first]
    assert found(shop, created_after=moment + hour) == []
    assert found(shop, created_before=moment - hour) == []


def test_a_narrow_list_goes_through_all_jobs(shop: Shop) -> None:
    wanted = put(shop, "encode")
    for _ in range(3):
        put(shop, "decode")
    assert found(shop, kind="encode", limit=1) == [wanted]


def test_many_jobs_are_looked_at_at_once(shop: Shop) -> None:
    one, other = submit(shop), submit(shop, tenant="acme")
    decode(shop, one)
    ids = [one, new_job_id(), other]
    assert shop.store.get_all(ids) == [shop.store.get(each) for each in ids]
    assert shop.store.get_all([]) == []
    heads = shop.store.heads(ids)
    assert heads == [Head("default", look(shop, one).version), None, Head("acme", look(shop, other).version)]


def test_a_version_grows_with_what_is_shown(shop: Shop) -> None:
    job_id = submit(shop)
    (before,) = shop.store.heads([job_id])
    decode(shop, job_id)
    (after,) = shop.store.heads([job_id])
    assert before is not None
    assert after is not None
    assert after.version > before.version


def test_a_job_waits_at_the_first_stage_with_something_left(shop: Shop) -> None:
    job_id = submit(shop)
    assert waits_at(look(shop, job_id)) == tasks.DECODE
    decode(shop, job_id)
    assert waits_at(look(shop, job_id)) == tasks.SEGMENT
    assert waits_at(look(shop, translate(shop))) is None
