"""Large recordings: in pieces, and on from where a broken connection left them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field

import pytest

from dragoman import errors, uploads
from tests.support.stub_gateway import Answer, StubGateway
from tests.unit.client.conftest import Either
from tests.unit.client.documents import BUSY, JOB

CONTENT = bytes(range(256)) * 10


@dataclass
class Tus:
    """The gateway's side of the protocol, with accidents.

    Attributes:
        accidents: What happens to the PATCHes, in order: "" for nothing, "lost" for one whose answer is lost
            after half of it has arrived, "away" for a 503.
    """

    gateway: StubGateway
    accidents: list[str] = field(default_factory=list)
    received: bytes = b""

    def respond(self, request: str, headers: dict[str, str], body: bytes) -> Answer | None:
        match request.split(maxsplit=1)[0]:
            case "PATCH":
                return self._patch(int(headers["Upload-Offset"]), body)
            case "HEAD":
                return Answer(b"", 200, headers={"Upload-Offset": str(len(self.received))})
            case "POST" if request.endswith("uploads"):
                return Answer(b"", 201, headers={"Location": "/v1/uploads/upl_1"})
        return None

    def _patch(self, offset: int, body: bytes) -> Answer:
        if offset != len(self.received):
            return Answer(json.dumps({"code": "wrong_offset", "detail": "Ask."}).encode(), 409)
        accident = self.accidents.pop(0) if self.accidents else ""
        if accident == "away":
            return Answer(json.dumps(BUSY).encode(), 503)
        self.received += body[: len(body) // 2] if accident == "lost" else body
        if accident == "lost":
            return Answer(b"", 0)
        return Answer(b"", 204, headers={"Upload-Offset": str(len(self.received))})


@pytest.fixture
def tus(gateway: StubGateway, monkeypatch: pytest.MonkeyPatch) -> Tus:
    monkeypatch.setattr(uploads, "PIECE_BYTES", 1000)
    monkeypatch.setattr(uploads, "RESUMABLE_FROM_BYTES", 2000)
    tus = Tus(gateway)
    gateway.respond = tus.respond
    return tus


def test_a_large_recording_is_uploaded_in_pieces_before_its_job(
    gateway: StubGateway, either: Either, tus: Tus
) -> None:
    gateway.say("POST /v1/jobs", JOB, 202)
    either(lambda client: client.jobs.submit(kind="decode", file=CONTENT))
    assert gateway.asked() == [
        "POST /v1/uploads",
        *["PATCH /v1/uploads/upl_1"] * 3,
        "POST /v1/jobs",
    ]
    assert tus.received == CONTENT
    assert json.loads(gateway.requests[-1][2]) == {"kind": "decode", "upload_id": "upl_1"}
    created = gateway.requests[0][1]
    assert (created["Upload-Length"], created["Tus-Resumable"]) == ("2560", "1.0.0")
    assert created["Upload-Metadata"] == f"filename {base64.b64encode(b'recording').decode()}"


def test_a_small_one_is_not(gateway: StubGateway, either: Either, tus: Tus) -> None:
    gateway.say("POST /v1/jobs", JOB, 202)
    either(lambda client: client.jobs.submit(kind="decode", file=CONTENT[:1999]))
    assert gateway.asked() == ["POST /v1/jobs"]


@pytest.mark.parametrize("accident", ["lost", "away"])
def test_an_accident_costs_no_more_than_its_piece(
    gateway: StubGateway, either: Either, tus: Tus, accident: str
) -> None:
    """More accidents than retries: what counts is how many there are in a row."""
    tus.accidents = ["", accident, "", accident, accident, ""]
    told: list[int] = []
    assert either(lambda client: client.uploads.send(CONTENT, on_progress=told.append)) == "upl_1"
    assert tus.received == CONTENT
    assert told == sorted(told)
    assert told[-1] == len(CONTENT)
    sent_bytes = sum(len(body) for request, _, body in gateway.requests if "PATCH" in request)
    assert sent_bytes <= len(CONTENT) + 3 * 1000


def test_an_upload_that_fails_again_and_again_is_given_up(
    gateway: StubGateway, either: Either, tus: Tus
) -> None:
    tus.accidents = ["away"] * 9
    with pytest.raises(errors.ServerFailure):
        either(lambda client: client.uploads.send(CONTENT))
    assert sum("PATCH" in request for request in gateway.asked()) == 3


def test_a_refused_piece_is_not_sent_again(gateway: StubGateway, either: Either, tus: Tus) -> None:
    gateway.respond = lambda request, headers, body: (
        Answer(b'{"code": "upload_not_found", "detail": "It has expired."}', 404)
        if "PATCH" in request
        else tus.respond(request, headers, body)
    )
    with pytest.raises(errors.NotFound):
        either(lambda client: client.uploads.send(CONTENT))
    assert gateway.asked() == ["POST /v1/uploads", "PATCH /v1/uploads/upl_1"]


def test_an_upload_is_deleted(gateway: StubGateway, either: Either) -> None:
    gateway.add("DELETE /v1/uploads/upl_1", Answer(b"", 204))
    assert either(lambda client: client.uploads.delete("upl_1")) is None
    assert gateway.requests[0][1]["Tus-Resumable"] == "1.0.0"
