"""Which submissions every job store takes: each once, and no more than there is room for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from services.gateway.jobs.model import File, Final, JobState
from services.gateway.jobs.ports import Idempotency, JobQuery, Submission
from services.shared import tasks
from tests.contract.shop import BACKLOG, Shop, refusal, submission, submit, translate


def test_a_submission_under_a_key_is_accepted_once(shop: Shop) -> None:
    first, again = (submission(idempotency=Idempotency("k", "f")) for _ in range(2))
    assert shop.store.submit(first).job_id == first.job.id
    receipt = shop.store.submit(again)
    assert (receipt.job_id, list(receipt.hints)) == (first.job.id, [])
    assert shop.store.get(again.job.id) is None
    assert shop.store.units(again.job.id) == ()
    assert [job.id for job in shop.store.list(JobQuery("default", 10))] == [first.job.id]
    assert shop.store.depths()[tasks.DECODE].queued == 1


def test_a_key_says_which_job_it_stands_for(shop: Shop) -> None:
    idempotency = Idempotency("k", "f")
    assert shop.store.replayed("default", idempotency) is None
    new = submission(idempotency=idempotency)
    shop.store.submit(new)
    assert shop.store.replayed("default", idempotency) == new.job.id
    assert shop.store.replayed("default", Idempotency("K", "f")) is None


@pytest.mark.parametrize("key", ["a:b", "sdk:" + "0" * 64, "x" * 255, "{job} *?[a]", " "])
def test_any_printable_key_is_one_of_its_own(shop: Shop, key: str) -> None:
    new = submission(idempotency=Idempotency(key, "f"))
    shop.store.submit(new)
    assert shop.store.replayed("default", Idempotency(key, "f")) == new.job.id
    assert shop.store.replayed("default", Idempotency(key + "!", "f")) is None


def test_a_key_of_other_content_is_refused_and_nothing_is_written(shop: Shop) -> None:
    shop.store.submit(submission(idempotency=Idempotency("k", "f")))
    other = submission(idempotency=Idempotency("k", "g"))
    assert refusal(lambda: shop.store.submit(other)) == "idempotency_key_reused"
    assert refusal(lambda: shop.store.replayed("default", Idempotency("k", "g"))) == "idempotency_key_reused"
    assert shop.store.get(other.job.id) is None


def test_a_key_belongs_to_its_tenant(shop: Shop) -> None:
    shop.store.submit(submission(idempotency=Idempotency("k", "f")))
    other = submission(tenant="other", idempotency=Idempotency("k", "g"))
    assert shop.store.replayed("other", Idempotency("k", "g")) is None
    assert shop.store.submit(other).job_id == other.job.id


def test_a_first_submission_takes_the_key_over(shop: Shop) -> None:
    fresh, later = Idempotency("k", "f", fresh=True), Idempotency("k", "f")
    first, second = submission(idempotency=later), submission(idempotency=fresh)
    shop.store.submit(first)
    assert shop.store.replayed("default", fresh) is None
    assert shop.store.submit(second).job_id == second.job.id
    assert shop.store.replayed("default", later) == second.job.id
    assert shop.store.submit(submission(idempotency=later)).job_id == second.job.id
    assert shop.store.get(first.job.id) is not None


def test_a_finished_job_is_still_what_its_key_stands_for_until_it_is_erased(shop: Shop) -> None:
    idempotency = Idempotency("k", "f")
    new = submission("text_translation", idempotency=idempotency)
    shop.store.submit(new)
    shop.hands.complete(new.job.id, (tasks.TRANSLATE, "job"), {})
    shop.store.finish(new.job.id, Final(JobState.SUCCEEDED))
    assert shop.store.submit(submission(idempotency=idempotency)).job_id == new.job.id
    shop.store.erase(new.job.id)
    assert shop.store.replayed("default", Idempotency("k", "g")) is None
    again = submission(idempotency=idempotency)
    assert shop.store.submit(again).job_id == again.job.id


def test_an_erased_job_does_not_take_along_a_key_that_is_no_longer_its_own(shop: Shop) -> None:
    first = submission("text_translation", idempotency=Idempotency("k", "f"))
    second = submission(idempotency=Idempotency("k", "f", fresh=True))
    shop.store.submit(first)
    shop.store.submit(second)
    shop.store.cancel(first.job.id)
    shop.store.finish(first.job.id, Final(JobState.CANCELLED))
    assert shop.store.erase(first.job.id)
    assert shop.store.replayed("default", Idempotency("k", "f")) == second.job.id


def test_of_many_at_once_under_one_key_one_is_accepted(shop: Shop) -> None:
    news = [submission(idempotency=Idempotency("k", "f")) for _ in range(8)]
    with ThreadPoolExecutor(len(news)) as pool:
        receipts = list(pool.map(shop.store.submit, news))
    (job_id,) = {receipt.job_id for receipt in receipts}
    assert sum(bool(receipt.hints) for receipt in receipts) == 1
    assert [job.id for job in shop.store.list(JobQuery("default", 10))] == [job_id]


# The backlog


def test_a_full_backlog_takes_no_more_until_a_job_ends(shop: Shop) -> None:
    ids = [submit(shop, "text_translation", tenant=f"t{number}") for number in range(BACKLOG.jobs)]
    late = submission(tenant="late")
    assert refusal(lambda: shop.store.check_backlog("late")) == "backlog_full"
    assert refusal(lambda: shop.store.submit(late)) == "backlog_full"
    assert shop.store.get(late.job.id) is None
    shop.hands.complete(ids[0], (tasks.TRANSLATE, "job"), {})
    assert refusal(lambda: shop.store.submit(late)) == "backlog_full"
    shop.store.finish(ids[0], Final(JobState.SUCCEEDED))
    shop.store.check_backlog("late")
    assert shop.store.submit(late).job_id == late.job.id


def test_one_tenants_backlog_leaves_room_for_the_others(shop: Shop) -> None:
    ids = [submit(shop) for _ in range(BACKLOG.jobs_per_tenant)]
    assert refusal(lambda: shop.store.check_backlog("default")) == "tenant_backlog_full"
    assert refusal(lambda: shop.store.submit(submission())) == "tenant_backlog_full"
    shop.store.check_backlog("other")
    submit(shop, tenant="other")
    shop.store.cancel(ids[0])
    assert refusal(lambda: shop.store.check_backlog("default")) == "tenant_backlog_full"
    shop.store.finish(ids[0], Final(JobState.CANCELLED))
    submit(shop)


def test_a_refused_submission_leaves_its_key_unused(shop: Shop) -> None:
    for _ in range(BACKLOG.jobs_per_tenant):
        submit(shop)
    refused = submission(idempotency=Idempotency("k", "f"))
    assert refusal(lambda: shop.store.submit(refused)) == "tenant_backlog_full"
    assert shop.store.replayed("default", Idempotency("k", "f")) is None


def test_a_repetition_needs_no_room(shop: Shop) -> None:
    new = submission(idempotency=Idempotency("k", "f"))
    shop.store.submit(new)
    for _ in range(BACKLOG.jobs_per_tenant - 1):
        submit(shop)
    assert shop.store.submit(submission(idempotency=Idempotency("k", "f"))).job_id == new.job.id
    assert refusal(lambda: shop.store.submit(submission(idempotency=Idempotency("k", "g")))) == (
        "idempotency_key_reused"
    )


def test_an_erased_job_is_not_counted_twice(shop: Shop) -> None:
    for _ in range(BACKLOG.jobs + 1):
        job_id = translate(shop)
        shop.store.finish(job_id, Final(JobState.SUCCEEDED))
        shop.store.erase(job_id)
    for _ in range(BACKLOG.jobs_per_tenant):
        submit(shop)
    assert refusal(lambda: shop.store.submit(submission())) == "tenant_backlog_full"


# What a tenant's jobs keep


def sized(stored_bytes: int, tenant: str = "default") -> Submission:
    """Return a submission with an input of so many bytes."""
    return replace(submission("text_translation", tenant), stored_bytes=stored_bytes)


def test_a_tenant_keeps_no_more_than_it_may_until_something_is_erased(shop: Shop) -> None:
    first, late = sized(900), sized(50)
    shop.store.submit(first)
    assert refusal(lambda: shop.store.submit(sized(101))) == "storage_quota_exceeded"
    shop.store.submit(sized(50))
    shop.store.check_backlog("default")
    shop.hands.complete(first.job.id, (tasks.TRANSLATE, "job"), {})
    shop.store.finish(first.job.id, Final(JobState.SUCCEEDED, files=(File("f", "k", "text/plain", 50),)))
    assert refusal(lambda: shop.store.check_backlog("default")) == "storage_quota_exceeded"
    assert refusal(lambda: shop.store.submit(late)) == "storage_quota_exceeded"
    assert shop.store.get(late.job.id) is None
    shop.store.submit(sized(1000, "other"))
    shop.store.erase(first.job.id)
    assert shop.store.submit(late).job_id == late.job.id


def test_a_cancelled_job_takes_no_room(shop: Shop) -> None:
    first = sized(1000)
    shop.store.submit(first)
    assert refusal(lambda: shop.store.check_backlog("default")) == "storage_quota_exceeded"
    shop.store.cancel(first.job.id)
    shop.store.finish(first.job.id, Final(JobState.CANCELLED))
    shop.store.check_backlog("default")


def test_a_retry_gives_up_the_files_of_the_end_before(shop: Shop) -> None:
    first = sized(500)
    shop.store.submit(first)
    shop.hands.fail(first.job.id, (tasks.TRANSLATE, "job"), "poison")
    shop.store.finish(first.job.id, Final(JobState.FAILED, files=(File("f", "k", "text/plain", 500),)))
    assert refusal(lambda: shop.store.check_backlog("default")) == "storage_quota_exceeded"
    shop.store.retry(first.job.id)
    shop.store.check_backlog("default")
