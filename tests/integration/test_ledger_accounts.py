"""What the ledger counts of tenants: stored bytes, audio of the month, and use per day and stage."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from services.shared.errors import Cancelled
from services.shared.ledger.accounts import TENANTS, Limits, Spent, Standing, Use, days_between
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Child, Failure, NewJob, Output, Submitted, Terms
from services.shared.tasks import DECODE, SEGMENT, SYNTHESIZE, TRANSCRIBE, TRANSLATE
from tests.support.calls import audit, begin, new_job, take, used

GIBIBYTE = 1024**3


def sized(job: str = "job_1", kind: str = "text_translation", stored_bytes: int = 100) -> NewJob:
    """Return a job with an input of so many bytes."""
    return replace(new_job(job, kind), stored_bytes=stored_bytes)


def stored(ledger: Ledger, tenant: str = "acme") -> int:
    """Return how many bytes a tenant's jobs keep."""
    return ledger.accounts.standing(tenant).stored_bytes


def today(ledger: Ledger) -> date:
    """Return the day by the clock of Redis (UTC)."""
    return ledger.now().date()


def run(ledger: Ledger, job: str, stage: str = TRANSLATE) -> None:
    """Do a job's one unit."""
    ledger.complete(take(ledger, f"{job}:{stage}:job"), Output({}))


# Stored bytes


def test_a_job_keeps_its_input_then_its_files_until_it_is_erased(ledger: Ledger) -> None:
    ledger.submit(sized())
    assert ledger.submit(sized()) == Submitted("accepted", "job_1"), "an answer was lost"
    assert stored(ledger) == 100
    run(ledger, "job_1")
    assert ledger.finish("job_1", "succeeded", {}, file_bytes=7)
    assert not ledger.finish("job_1", "succeeded", {}, file_bytes=7)
    assert stored(ledger) == 107
    assert ledger.erase("job_1") == "erased"
    assert ledger.erase("job_1") == "gone"
    assert stored(ledger) == 0
    assert not ledger._redis.exists(ledger._key("storage"))


def test_a_retry_gives_up_the_files_of_the_end_before(ledger: Ledger) -> None:
    ledger.submit(sized())
    poison = Failure("poison", "", retryable=False, cost="failure", delay_ms=0)
    ledger.fail(take(ledger, f"job_1:{TRANSLATE}:job"), poison)
    ledger.finish("job_1", "partially_succeeded", {}, file_bytes=7)
    ledger.retry("job_1")
    assert ledger.retry("job_1") == ("running", ())
    assert stored(ledger) == 100
    run(ledger, "job_1")
    ledger.finish("job_1", "succeeded", {}, file_bytes=9)
    assert stored(ledger) == 109


def test_a_cancelled_job_keeps_nothing(ledger: Ledger) -> None:
    ledger.submit(sized())
    ledger.submit(sized("job_2", stored_bytes=5))
    ledger.cancel("job_1")
    assert stored(ledger) == 105
    ledger.finish("job_1", "cancelled", {})
    assert stored(ledger) == 5
    ledger.erase("job_1")
    assert stored(ledger) == 5
    audit(ledger, ["job_2"])


def test_what_a_unit_keeps_for_its_job_counts_once(ledger: Ledger) -> None:
    ledger.submit(sized("job_1", "decode", stored_bytes=0))
    claim = take(ledger, f"job_1:{DECODE}:job")
    for _ in range(2):
        ledger.complete(claim, Output({}, stored_bytes=40))
    assert stored(ledger) == 40


def test_a_job_of_an_earlier_version_counts_for_nothing(ledger: Ledger) -> None:
    ledger.submit(sized(stored_bytes=0))
    ledger._redis.hdel(ledger._key("job", "job_1"), "stored_bytes")
    run(ledger, "job_1")
    ledger.finish("job_1", "failed", {})
    ledger._redis.hdel(ledger._key("job", "job_1"), "stored_bytes", "file_bytes")
    ledger.retry("job_1")
    run_again = ledger.cancel("job_1")
    assert run_again == "cancelling"
    ledger.finish("job_1", "cancelled", {})
    assert ledger.erase("job_1") == "erased"
    assert stored(ledger) == 0


@pytest.mark.parametrize(
    ("most", "answers"), [(250, ["accepted", "accepted", "storage_full"]), (0, ["accepted"] * 3)]
)
def test_a_tenant_keeps_no_more_than_it_may(ledger: Ledger, most: int, answers: list[str]) -> None:
    terms = Terms(most_bytes=most)
    assert [ledger.submit(sized(f"job_{n}"), terms).answer for n in range(3)] == answers
    assert ledger.submit(replace(sized("job_9"), tenant="other"), terms).answer == "accepted"
    assert stored(ledger) == 100 * answers.count("accepted")


def test_a_full_store_takes_not_even_what_is_still_to_be_fetched(ledger: Ledger) -> None:
    terms = Terms(most_bytes=100)
    assert ledger.submit(sized(), terms).answer == "accepted"
    assert ledger.submit(sized("job_2", stored_bytes=0), terms).answer == "storage_full"
    ledger.accounts.set_limits("acme", Limits(storage_bytes=101))
    assert ledger.submit(sized("job_2", stored_bytes=1), terms).answer == "accepted"


def test_sizes_are_exact_far_beyond_what_a_float_of_32_bits_holds(ledger: Ledger) -> None:
    most = 2**53 - 1
    ledger.accounts.set_limits("acme", Limits(storage_bytes=most))
    assert ledger.submit(sized(stored_bytes=most - 1)).answer == "accepted"
    assert ledger.submit(sized("job_2", stored_bytes=2)).answer == "storage_full"
    assert ledger.submit(sized("job_3", stored_bytes=1)).answer == "accepted"
    assert stored(ledger) == most


# Limits of a tenant


def test_a_tenant_has_limits_of_its_own_or_those_of_all(ledger: Ledger) -> None:
    terms = Terms(most_jobs_of_tenant=1)
    ledger.accounts.set_limits("acme", Limits(unfinished_jobs=2))
    answers = [ledger.submit(sized(f"job_{n}"), terms).answer for n in range(3)]
    assert answers == ["accepted", "accepted", "tenant_full"]
    ledger.accounts.set_limits("acme", Limits(unfinished_jobs=0))
    assert ledger.submit(sized("job_3"), terms).answer == "accepted"
    ledger.accounts.set_limits("acme", Limits())
    assert ledger.submit(sized("job_4"), terms).answer == "tenant_full"
    assert ledger.accounts.standing("acme").limits == Limits()


def test_a_standing_tells_all_at_once(ledger: Ledger) -> None:
    own = Limits(storage_bytes=GIBIBYTE, audio_minutes_per_month=0)
    ledger.accounts.set_limits("acme", own)
    ledger.submit(sized())
    ledger.submit(replace(sized("job_2"), tenant="other"))
    ledger.accounts.spend("b", [Spent("acme", TRANSCRIBE, Use(1, 700, 70), 700)])
    assert ledger.accounts.standing("acme") == Standing(2, 1, 100, 700, own)
    assert ledger.accounts.standing("nobody") == Standing(2, 0, 0, 0, Limits())
    assert ledger.accounts.tenants() == ["acme"]


# Audio of the month


def test_the_audio_of_a_call_counts_once_it_has_been_decoded(ledger: Ledger) -> None:
    decode = begin(ledger)
    channels = tuple(Child(f"c{n}", {}, audio_ms=30_000) for n in range(2))
    claim = take(ledger, decode)
    assert ledger.accounts.standing("acme").audio_ms == 0
    for _ in range(2):
        ledger.complete(claim, Output({}, channels, audio_ms=60_000))
    for channel in ("c0", "c1"):
        ledger.complete(take(ledger, f"job_1:{SEGMENT}:{channel}"), Output({}, audio_ms=30_000))
    assert ledger.accounts.standing("acme").audio_ms == 60_000, "the same audio, further on"


def test_a_tenant_without_audio_left_submits_no_more(ledger: Ledger) -> None:
    ledger.accounts.set_limits("acme", Limits(audio_minutes_per_month=1))
    decode = begin(ledger)
    assert ledger.submit(sized("job_2")).answer == "accepted", "what is only being worked on is not counted"
    ledger.complete(take(ledger, decode), Output({}, audio_ms=60_000))
    assert ledger.submit(sized("job_3")).answer == "audio_full"
    assert ledger.submit(sized("job_2")).answer == "accepted", "it is there already"
    assert ledger.submit(replace(sized("job_3"), tenant="other")).answer == "accepted"


def test_a_month_begins_anew(ledger: Ledger) -> None:
    ledger.accounts.spend("b", [Spent("acme", TRANSCRIBE, Use(1, 900, 1), 900)])
    (month,) = ledger._redis.scan_iter(ledger._key("audio", "acme", "*"))
    assert str(month).endswith(f":{today(ledger):%Y-%m}")
    ledger._redis.rename(month, ledger._key("audio", "acme", "2020-01"))
    assert ledger.accounts.standing("acme").audio_ms == 0


# Use


def test_use_counts_each_unit_once_with_what_it_turned_out_to_be(ledger: Ledger) -> None:
    decode = begin(ledger, replace(new_job(), audio_ms=1_000))
    claim = take(ledger, decode)
    for _ in range(2):
        ledger.complete(claim, Output({}, (Child("c0", {}, 30_000),), audio_ms=30_000), served_ms=400)
    assert used(ledger) == {DECODE: Use(1, 30_000, 400)}
    ledger.complete(
        take(ledger, f"job_1:{SEGMENT}:c0"), Output({}, (Child("c0r0", {}, 4_000),)), served_ms=50
    )
    ledger.complete(take(ledger, f"job_1:{TRANSCRIBE}:c0r0"), Output({}), served_ms=60)
    assert used(ledger) == {
        DECODE: Use(1, 30_000, 400),
        SEGMENT: Use(1, 30_000, 50),
        TRANSCRIBE: Use(1, 4_000, 60),
    }
    assert used(ledger, "other") == {}


def test_what_fails_or_comes_too_late_is_no_use(ledger: Ledger) -> None:
    decode = begin(ledger)
    lost = take(ledger, decode)
    ledger.fail(lost, Failure("flaky", "", retryable=True, cost="none", delay_ms=0))
    with pytest.raises(Cancelled):
        ledger.complete(lost, Output({}, audio_ms=9), served_ms=9)
    assert used(ledger) == {}
    assert ledger.accounts.standing("acme").audio_ms == 0


def test_use_outlives_the_job_and_is_forgotten_after_400_days(ledger: Ledger) -> None:
    ledger.submit(sized("job_1", "speech"))
    claim = take(ledger, f"job_1:{SYNTHESIZE}:job")
    ledger.complete(claim, Output({}, audio_ms=5_000), served_ms=3)
    ledger.cancel("job_1")
    ledger.finish("job_1", "cancelled", {})
    ledger.erase("job_1")
    assert used(ledger) == {SYNTHESIZE: Use(1, 5_000, 3)}
    lasting = [
        *ledger._redis.scan_iter(ledger._key("usage", "*")),
        *ledger._redis.scan_iter(ledger._key("audio", "*")),
    ]
    assert len(lasting) == 2
    for key in lasting:
        assert 399 * 86_400 < int(ledger._redis.ttl(key)) <= 400 * 86_400


def test_a_batch_of_use_counts_once(ledger: Ledger) -> None:
    spent = [
        Spent("acme", TRANSCRIBE, Use(2, 3_000, 40), 3_000),
        Spent("acme", TRANSLATE, Use(1, 3_000, 5)),
        Spent("other", SYNTHESIZE, Use(1, 800, 9), 800),
    ]
    for _ in range(2):
        ledger.accounts.spend("batch", spent)
    assert used(ledger) == {TRANSCRIBE: Use(2, 3_000, 40), TRANSLATE: Use(1, 3_000, 5)}
    assert used(ledger, "other") == {SYNTHESIZE: Use(1, 800, 9)}
    assert ledger.accounts.standing("acme").audio_ms == 3_000
    ledger.accounts.spend("another", spent[:1])
    assert used(ledger)[TRANSCRIBE] == Use(4, 6_000, 80)


def test_the_scripts_know_the_calendar(ledger: Ledger) -> None:
    """The day that Lua makes of a time is the one that Python makes of it, over all leap years to come."""
    script = ledger._redis.register_script(
        TENANTS
        + "local days = {} for i, ms in ipairs(ARGV) do now = tonumber(ms) days[i] = today() end return days"
    )
    first = date(1970, 1, 1)
    days = [*days_between(first, date(1972, 3, 2)), *days_between(date(1999, 12, 1), date(2001, 3, 2))]
    days += [
        *days_between(date(2026, 1, 1), date(2029, 1, 1)),
        *days_between(date(2099, 12, 1), date(2100, 3, 2)),
    ]
    moments = [(day - first).days * 86_400_000 + ms for day in days for ms in (0, 86_399_999)]
    expected = [day.isoformat() for day in days for _ in range(2)]
    found = []
    for at in range(0, len(moments), 2000):
        found += script(keys=[ledger._prefix], args=moments[at : at + 2000])
    assert found == expected
