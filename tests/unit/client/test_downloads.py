"""Files: whole, resumed, checked, and never outside their folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from dragoman import Job, errors
from dragoman.downloads import plain
from tests.support.stub_gateway import Answer, StubGateway
from tests.unit.client.conftest import Either
from tests.unit.client.documents import JOB

FILE = "GET /v1/jobs/job_1/artifacts/speech.ogg"
CONTENT = bytes(range(256)) * 40


def ranged(gateway: StubGateway, *cuts: int, etag: str = '"one"') -> None:
    """Serve CONTENT by Range as a gateway does; the first answers end after so many bytes each."""
    left = list(cuts)

    def respond(request: str, headers: dict[str, str], body: bytes) -> Answer | None:
        start = int(headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        start = start if headers.get("If-Range", etag) == etag else 0
        status, said = (206, {"ETag": etag}) if start else (200, {"ETag": etag})
        return Answer(
            CONTENT[start:], status, "audio/ogg", headers=said, cut_at=left.pop(0) if left else None
        )

    gateway.respond = respond


def fetch(either: Either, to: Path, name: str = "speech.ogg") -> Path:
    found: Path = either(lambda client: client.jobs.download("job_1", name, to))
    return found


def test_a_file_is_fetched_into_a_folder_or_under_a_name(
    gateway: StubGateway, either: Either, tmp_path: Path
) -> None:
    ranged(gateway)
    assert fetch(either, tmp_path) == tmp_path / "speech.ogg"
    assert fetch(either, tmp_path / "mine.ogg") == tmp_path / "mine.ogg"
    assert (tmp_path / "mine.ogg").read_bytes() == (tmp_path / "speech.ogg").read_bytes() == CONTENT
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mine.ogg", "speech.ogg"]


def test_a_broken_connection_goes_on_where_it_was(
    gateway: StubGateway, either: Either, tmp_path: Path
) -> None:
    """More breaks than retries: what counts is how many there are without a byte in between."""
    ranged(gateway, 1000, 1000, 1000, 1000)
    assert fetch(either, tmp_path).read_bytes() == CONTENT
    ranges = [headers.get("Range") for _, headers, _ in gateway.requests]
    assert ranges == [None, "bytes=1000-", "bytes=2000-", "bytes=3000-", "bytes=4000-"]
    assert {headers["Accept-Encoding"] for _, headers, _ in gateway.requests} == {"identity"}


def test_without_a_version_to_go_on_with_it_begins_anew(
    gateway: StubGateway, either: Either, tmp_path: Path
) -> None:
    gateway.add(FILE, Answer(CONTENT, cut_at=1000))
    gateway.add(FILE, Answer(CONTENT))
    assert fetch(either, tmp_path).read_bytes() == CONTENT
    assert ["Range" in headers for _, headers, _ in gateway.requests] == [False, False]


def test_a_file_that_has_changed_meanwhile_is_fetched_anew(
    gateway: StubGateway, either: Either, tmp_path: Path
) -> None:
    gateway.add(FILE, Answer(b"x" * 2000, cut_at=1000, headers={"ETag": '"old"'}))
    gateway.add(FILE, Answer(CONTENT, headers={"ETag": '"new"'}))
    assert fetch(either, tmp_path).read_bytes() == CONTENT
    assert gateway.requests[1][1]["If-Range"] == '"old"'


def test_a_file_that_never_comes_whole_is_an_error_and_leaves_nothing(
    gateway: StubGateway, either: Either, tmp_path: Path
) -> None:
    gateway.add(FILE, Answer(CONTENT, cut_at=0))
    with pytest.raises(errors.Unreachable):
        fetch(either, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert len(gateway.requests) == 3


def test_a_missing_file_is_an_error_and_leaves_nothing(
    gateway: StubGateway, either: Either, tmp_path: Path
) -> None:
    (tmp_path / "speech.ogg").write_bytes(b"an older one")
    gateway.say(FILE, {"code": "artifact_not_found", "detail": "There is none."}, 404)
    with pytest.raises(errors.NotFound) as caught:
        fetch(either, tmp_path)
    assert caught.value.code == "artifact_not_found"
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"an older one"]


def test_an_empty_file_is_a_file(gateway: StubGateway, either: Either, tmp_path: Path) -> None:
    gateway.add(FILE, Answer(b""))
    assert fetch(either, tmp_path).read_bytes() == b""


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("result.json", "result.json"),
        ("up/evil.txt", "evil.txt"),
        ("../../evil.txt", "evil.txt"),
        ("..\\evil.txt", "evil.txt"),
        ("/etc/passwd", "passwd"),
    ],
)
def test_no_name_leads_out_of_the_folder(name: str, kept: str) -> None:
    assert plain(name) == kept


@pytest.mark.parametrize("name", ["", ".", "..", "a/..", "a/", "evil\0.txt"])
def test_a_name_of_which_nothing_is_left_is_refused(name: str) -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        plain(name)
    assert caught.value.code == "file_name"


def test_a_name_is_one_segment_of_the_path(gateway: StubGateway, either: Either, tmp_path: Path) -> None:
    gateway.add("GET /v1/jobs/job_1/artifacts/up%2Fevil.txt", Answer(b"x"))
    assert fetch(either, tmp_path, "up/evil.txt") == tmp_path / "evil.txt"


@pytest.mark.parametrize("known", [True, False])
def test_all_files_are_fetched_into_a_new_folder(
    gateway: StubGateway, either: Either, tmp_path: Path, known: bool
) -> None:
    gateway.say("GET /v1/jobs/job_1", JOB)
    gateway.say_bytes("GET /v1/jobs/job_1/artifacts/result.json", b'{"a": 1}', "application/json")
    job = Job.model_validate(JOB) if known else "job_1"
    files = either(lambda client: client.jobs.download_all(job, tmp_path / "new" / "folder"))
    assert files == [tmp_path / "new" / "folder" / "result.json"]
    assert files[0].read_bytes() == b'{"a": 1}'


def test_the_files_of_a_job_are_listed(gateway: StubGateway, either: Either) -> None:
    gateway.say("GET /v1/jobs/job_1/artifacts", {"artifacts": JOB["files"]})
    assert [file.size_bytes for file in either(lambda client: client.jobs.artifacts("job_1"))] == [17]
