"""Jobs are listed, ended once, erased without a trace, and outlive a restart of Redis."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import redis

from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Output
from services.shared.redis_url import client as connect
from services.shared.tasks import DECODE
from tests.support import redis_server
from tests.support.calls import (
    audit,
    begin,
    claim_of,
    fields,
    finishing,
    instant,
    left_over,
    new_job,
    play,
    play_until,
    states,
    take,
)


def test_a_job_ends_once(ledger: Ledger) -> None:
    play(ledger, ledger.submit(new_job()))
    assert ledger.finish("job_1", "succeeded", {"files": "[]"})
    assert not ledger.finish("job_1", "failed", {"error_code": "late"})
    record = fields(ledger)
    assert (record["state"], record["files"]) == ("succeeded", "[]")
    assert "error_code" not in record
    audit(ledger, ["job_1"])


def test_a_job_that_still_runs_cannot_be_ended(ledger: Ledger) -> None:
    play_until(ledger, ledger.submit(new_job()), "asr.transcribe")
    assert not ledger.finish("job_1", "succeeded", {})
    assert not ledger.finish("job_0", "succeeded", {})
    assert ledger.job("job_0") is None


def test_a_finisher_keeps_a_job_to_itself_for_a_while(ledger: Ledger) -> None:
    play(ledger, ledger.submit(new_job(kind="decode")))
    patient = instant(ledger, hold_ms=3_600_000)
    assert patient.take_finishing(10) == ["job_1"]
    assert patient.take_finishing(10) == []


def test_a_job_whose_finisher_died_comes_again(ledger: Ledger) -> None:
    play(ledger, ledger.submit(new_job(kind="decode")))
    assert instant(ledger).take_finishing(10) == ["job_1"]
    assert instant(ledger).take_finishing(10) == ["job_1"]


def test_a_job_that_may_be_finished_wakes_a_sleeper(ledger: Ledger) -> None:
    sleeper = threading.Thread(target=ledger.wait_for_work, args=(60,))
    sleeper.start()
    play(ledger, ledger.submit(new_job(kind="decode")))
    sleeper.join(30)
    assert not sleeper.is_alive()


def test_every_change_raises_the_version(ledger: Ledger) -> None:
    def version() -> int:
        return int(fields(ledger)["version"])

    unit = begin(ledger)
    seen = [version()]
    claim = take(ledger, unit)
    seen.append(version())
    ledger.complete(claim, Output({}))
    seen.append(version())
    ledger.cancel("job_1")
    seen.append(version())
    ledger.finish("job_1", "cancelled", {})
    seen.append(version())
    assert seen == sorted(set(seen))


def test_an_erased_job_leaves_nothing_behind(ledger: Ledger) -> None:
    play(ledger, ledger.submit(new_job()))
    assert ledger.erase("job_1") == "running"
    ledger.finish("job_1", "succeeded", {})
    assert ledger.erase("job_1") == "erased"
    assert left_over(ledger, "job_1") == []
    assert ledger.erase("job_1") == "gone"
    assert ledger.units("job_1") == []
    assert ledger.jobs("acme") == []


def test_a_late_worker_of_an_erased_job_is_told_so(ledger: Ledger) -> None:
    unit = begin(ledger)
    ledger.cancel("job_1")
    ledger.finish("job_1", "cancelled", {})
    ledger.erase("job_1")
    assert claim_of(ledger, unit) is None
    assert left_over(ledger, "job_1") == []


def test_jobs_are_listed_from_the_newest_down_page_by_page_and_per_tenant(ledger: Ledger) -> None:
    for n in range(5):
        ledger.submit(new_job(f"job_{n}"))
    ledger.submit(new_job("job_9", tenant="other"))
    assert ledger.jobs("acme", limit=2) == ["job_4", "job_3"]
    assert ledger.jobs("acme", before="job_3", limit=2) == ["job_2", "job_1"]
    assert ledger.jobs("acme", before="job_0") == []
    assert ledger.jobs("other") == ["job_9"]
    assert ledger.jobs("nobody") == []


def test_one_job_never_touches_another(ledger: Ledger) -> None:
    play_until(ledger, ledger.submit(new_job("job_1")), "tts.synthesize")
    before = fields(ledger, "job_1"), states(ledger, "job_1")
    play(ledger, ledger.submit(new_job("job_10")))
    ledger.cancel("job_10")
    ledger.finish("job_10", "cancelled", {})
    ledger.erase("job_10")
    assert (fields(ledger, "job_1"), states(ledger, "job_1")) == before
    assert finishing(ledger) == set()


def test_what_was_accepted_outlives_a_restart_of_redis(tmp_path: Path) -> None:
    port = redis_server.free_port()
    with redis_server.running(tmp_path, port) as url:
        ledger = Ledger(connect(url), "d:")
        claim = take(ledger, begin(ledger))
    with redis_server.running(tmp_path, port):
        assert ledger.renew(claim).held
        ledger.complete(claim, Output({"n": 1}))
        assert states(ledger)[f"{DECODE}:job"] == "done"
        audit(ledger, ["job_1"])
        ledger._redis.close()


def test_a_redis_that_is_not_there_is_an_error_and_no_hang() -> None:
    ledger = Ledger(connect(f"redis://127.0.0.1:{redis_server.free_port()}/0"), "d:")
    with pytest.raises(redis.ConnectionError):
        ledger.ping()
