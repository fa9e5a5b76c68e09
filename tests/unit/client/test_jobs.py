"""Jobs: submitted, listed, read, cancelled, retried and erased."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from dragoman import errors
from tests.support.stub_gateway import StubGateway
from tests.unit.client.conftest import Either
from tests.unit.client.documents import BUSY, JOB, RESULT


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    file = tmp_path / "call.wav"
    file.write_bytes(b"RIFF....")
    return file


def test_a_recording_is_sent_with_its_spec(gateway: StubGateway, either: Either, recording: Path) -> None:
    gateway.say("POST /v1/jobs", JOB, 202)
    assert either(lambda client: client.jobs.submit({"kind": "decode"}, file=recording)).id == "job_1"
    _, headers, body = gateway.requests[0]
    assert headers["Content-Type"].startswith("multipart/form-data")
    assert b'name="file"; filename="call.wav"' in body
    assert b"RIFF...." in body
    assert b'name="spec"' in body
    assert b'{"kind": "decode"}' in body


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "open file", "stream"])
def test_a_recording_may_come_in_many_ways(
    gateway: StubGateway, either: Either, recording: Path, kind: str
) -> None:
    gateway.say("POST /v1/jobs", JOB, 202)

    class Stream(io.BytesIO):
        def seekable(self) -> bool:
            return False

    with recording.open("rb") as opened:
        opened.read(3)
        files: dict[str, Any] = {
            "path": recording,
            "text": str(recording),
            "bytes": b"RIFF....",
            "open file": opened,
            "stream": Stream(b"RIFF...."),
        }
        either(lambda client: client.jobs.submit(kind="decode", file=files[kind]))
    assert b"\r\n\r\nRIFF....\r\n" in gateway.requests[0][2]


def test_a_text_is_sent_as_json(gateway: StubGateway, either: Either) -> None:
    gateway.say("POST /v1/jobs", JOB, 202)
    either(lambda client: client.jobs.submit(kind="text_translation", text="olá"))
    assert json.loads(gateway.requests[0][2]) == {"kind": "text_translation", "text": "olá"}


def test_fields_by_name_come_on_top_of_a_spec(gateway: StubGateway, either: Either) -> None:
    gateway.say("POST /v1/jobs", JOB, 202)
    spec = {"kind": "speech", "text": "Hi"}
    either(lambda client: client.jobs.submit(spec, text="Ho", language="en"))
    assert json.loads(gateway.requests[0][2]) == {"kind": "speech", "text": "Ho", "language": "en"}
    assert spec == {"kind": "speech", "text": "Hi"}


@pytest.mark.parametrize("status", [0, 429, 502, 503, 504])
def test_a_submission_that_is_sent_again_is_the_same_one(
    gateway: StubGateway, either: Either, recording: Path, status: int
) -> None:
    gateway.say("POST /v1/jobs", BUSY, status)
    gateway.say("POST /v1/jobs", BUSY, status)
    gateway.say("POST /v1/jobs", JOB, 202)
    assert either(lambda client: client.jobs.submit(kind="decode", file=recording)).id == "job_1"
    assert len({headers["Idempotency-Key"] for _, headers, _ in gateway.requests}) == 1
    assert [b"RIFF...." in body for _, _, body in gateway.requests] == [True] * 3


def test_every_submission_has_a_key_of_its_own_unless_it_is_given_one(
    gateway: StubGateway, either: Either
) -> None:
    gateway.say("POST /v1/jobs", JOB, 202)
    for _ in range(2):
        either(lambda client: client.jobs.submit(kind="speech", text="Hi"))
    either(lambda client: client.jobs.submit(kind="speech", text="Hi", idempotency_key="call 42"))
    keys = [headers["Idempotency-Key"] for _, headers, _ in gateway.requests]
    assert len(set(keys)) == 3
    assert keys[2] == "call 42"


def test_a_submission_that_fails_again_and_again_is_given_up(gateway: StubGateway, either: Either) -> None:
    gateway.say("POST /v1/jobs", {"code": "backlog_full", "detail": "Wait."}, 429)
    with pytest.raises(errors.RateLimited) as caught:
        either(lambda client: client.jobs.submit(kind="speech"))
    assert caught.value.code == "backlog_full"
    assert len(gateway.requests) == len(either.waits_s) + 1 == 3


def test_a_file_that_is_not_there_is_said_before_anything_is_sent(
    gateway: StubGateway, either: Either, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        either(lambda client: client.jobs.submit(kind="decode", file=tmp_path / "gone.wav"))
    assert gateway.requests == []


def test_a_job_is_cancelled_and_retried(gateway: StubGateway, either: Either) -> None:
    gateway.say("POST /v1/jobs/job_1/cancel", JOB | {"state": "cancelling"})
    gateway.say("POST /v1/jobs/job_1/retry", JOB, 202)
    cancelling = either(lambda client: client.jobs.cancel("job_1"))
    assert cancelling.state == "cancelling"
    assert either(lambda client: client.jobs.retry(cancelling)).state == "running"


def test_a_link_is_asked_for_with_its_time(gateway: StubGateway, either: Either) -> None:
    made = {"token": "lnk_1", "job": "job_1", "expires_at": "2026-01-02T03:04:05Z"}
    gateway.say("POST /v1/jobs/job_1/links", made, 201)
    assert either(lambda client: client.jobs.link("job_1", expires_in_s=60)).token == "lnk_1"
    assert json.loads(gateway.requests[0][2]) == {"expires_in_s": 60}


def test_an_erased_job_leaves_a_receipt(gateway: StubGateway, either: Either) -> None:
    receipt = {"id": "era_1", "job": "job_1", "erased_at": "2026-01-02T03:04:05Z"}
    gateway.say("DELETE /v1/jobs/job_1", receipt)
    gateway.say("GET /v1/erasures/era_1", receipt)
    erased = either(lambda client: client.jobs.erase("job_1"))
    assert erased == either(lambda client: client.jobs.erasure(erased.id))


def test_a_result_is_typed_and_also_there_as_it_was_sent(gateway: StubGateway, either: Either) -> None:
    gateway.say("GET /v1/jobs/job_1/result", RESULT)
    region = either(lambda client: client.jobs.result("job_1")).channels[0].regions[0]
    assert (region.source.text, region.source.words[0].end_ms) == ("Room 12", 900)
    assert (region.translation.text, region.entities[0].match) == ("Quarto 12", True)
    assert (region.translation.sha256, region.translation.models) == (None, [])
    assert either(lambda client: client.jobs.result_document("job_1")) == RESULT


def test_a_translation_through_a_third_language_names_its_models(
    gateway: StubGateway, either: Either
) -> None:
    steps = [
        {"name": "tiny", "revision": "1", "sha256": "a" * 64},
        {"name": "m2m", "revision": "2", "sha256": ""},
    ]
    made = {
        "text": "Salle 12",
        "language": "fr",
        "model": "m2m",
        "revision": "2",
        "sha256": None,
        "models": steps,
    }
    document = {
        "job": "job_1",
        "kind": "text_translation",
        "translation": made,
        "models": {"translate": steps},
    }
    gateway.say("GET /v1/jobs/job_1/result", document)
    result = either(lambda client: client.jobs.result("job_1"))
    assert [each.name for each in result.translation.models] == ["tiny", "m2m"]
    assert result.models["translate"][0].sha256 == "a" * 64
