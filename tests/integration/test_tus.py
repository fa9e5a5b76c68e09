"""Resumable uploads, as the tus protocol says, on a real Redis, into a folder and into a bucket."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.gateway.jobs.sweep import Sweeper
from services.gateway.storage.redis import RedisJobStore
from services.gateway.uploads import receiving
from services.shared.errors import StorageFailure
from tests.support import artifact_house, s3_server
from tests.support.desk import Desk, desk, lonely
from tests.support.uploading import (
    OFFSET_TYPE,
    TUS,
    artifacts,
    begin,
    checksum,
    content_of,
    offset_of,
    patch,
    stored,
)
from tests.support.waiting import becomes

CAP = 1_000_000
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The address of an S3 server."""
    with s3_server.running() as address:
        yield address


@pytest.fixture(params=artifact_house.KINDS)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """The settings of where artifacts are kept."""
    if request.param == "local":
        return {}
    return s3_server.settings(request.getfixturevalue("bucket"), tmp_path.name).model_dump(exclude_unset=True)


@pytest_asyncio.fixture
async def house(redis_url: str, tmp_path: Path, kept: dict[str, Any]) -> AsyncIterator[Desk]:
    """A gateway that takes files of a megabyte."""
    async with desk(lonely(redis_url, tmp_path, gateway_max_upload_bytes=CAP, **kept)) as opened:
        opened.admin.headers.update(TUS)
        yield opened


@pytest.fixture
def client(house: Desk) -> httpx.AsyncClient:
    """A client that speaks tus."""
    return house.admin


async def test_what_is_spoken_here_is_said(client: httpx.AsyncClient) -> None:
    answer = await client.options("/v1/uploads")
    assert (answer.status_code, answer.headers["tus-version"]) == (204, "1.0.0")
    extensions = set(answer.headers["tus-extension"].split(","))
    assert extensions == {"creation", "creation-with-upload", "expiration", "checksum", "termination"}
    assert {"sha1", "sha256"} <= set(answer.headers["tus-checksum-algorithm"].split(","))
    assert answer.headers["tus-max-size"] == str(CAP)


async def test_a_file_comes_in_pieces(house: Desk, client: httpx.AsyncClient) -> None:
    file = os.urandom(300_000)
    path = await begin(client, len(file))
    for start in (0, 100_000, 250_000):
        end = {0: 100_000, 100_000: 250_000, 250_000: 300_000}[start]
        answer = await patch(client, path, start, file[start:end])
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(end)), answer.text
        assert answer.headers["tus-resumable"] == "1.0.0"
        assert await offset_of(client, path) == end
    assert content_of(house, path) == file


async def test_a_look_at_an_upload_says_all_about_it(client: httpx.AsyncClient) -> None:
    metadata = f"filename {base64.b64encode(b'../../etc/passwd').decode()},empty"
    path = await begin(client, 10, **{"upload-metadata": metadata})
    headers = (await client.head(path)).headers
    assert (headers["upload-length"], headers["upload-offset"]) == ("10", "0")
    assert (headers["upload-metadata"], headers["cache-control"]) == (metadata, "no-store")
    left = parsedate_to_datetime(headers["upload-expires"]) - datetime.now(UTC)
    assert DAY - timedelta(minutes=5) < left <= DAY


async def test_a_files_name_is_no_path(house: Desk, client: httpx.AsyncClient) -> None:
    name = base64.b64encode(b"../../../escaped").decode()
    path = await begin(client, 3, **{"upload-metadata": f"filename {name}"})
    await patch(client, path, 0, b"abc")
    (file,) = stored(house)
    assert file.parent.name == path.rpartition("/")[2]
    assert "escaped" not in str(file)


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 422, "invalid_upload_header"),
        ({"upload-length": "-1"}, 422, "invalid_upload_header"),
        ({"upload-length": "1e3"}, 422, "invalid_upload_header"),
        ({"upload-length": "9" * 40}, 422, "invalid_upload_header"),
        ({"upload-length": str(CAP + 1)}, 413, "file_too_large"),
        ({"upload-length": "1", "tus-resumable": "0.2.2"}, 412, "tus_version"),
        ({"upload-length": "1", "upload-metadata": "filename ?"}, 422, "invalid_upload_header"),
        ({"upload-length": "1", "upload-metadata": "a YQ==,a YQ=="}, 422, "invalid_upload_header"),
        ({"upload-length": "1", "upload-metadata": "a " + "YWFh" * 2_000}, 422, "invalid_upload_header"),
    ],
)
async def test_a_wrong_beginning_is_refused(
    house: Desk, client: httpx.AsyncClient, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await client.post("/v1/uploads", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["tus-resumable"] == "1.0.0"
    assert ("tus-version" in answer.headers) == (status == 412)
    assert house.ledger._redis.keys(f"{house.settings.key_prefix}upload:*") == []


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ((0, b"abc", {}), 409, "offset_mismatch"),
        ((3, b"abc", {}), 409, "offset_mismatch"),
        ((2, b"cdefghijk", {}), 413, "file_too_large"),
        ((2, b"cde", {"content-type": "application/octet-stream"}), 415, "unsupported_upload_type"),
        ((2, b"cde", {"upload-offset": "two"}), 422, "invalid_upload_header"),
        ((2, b"cde", {"upload-checksum": "crc32 AAAA"}), 422, "checksum_unsupported"),
        ((2, b"cde", {"upload-checksum": "sha1 ?"}), 422, "checksum_unsupported"),
        ((2, b"cde", checksum("sha1", b"CDE")), 460, "checksum_mismatch"),
        ((2, b"cde", {"tus-resumable": "2.0.0"}), 412, "tus_version"),
    ],
)
async def test_a_wrong_piece_changes_nothing(
    house: Desk, client: httpx.AsyncClient, sent: tuple[int, bytes, dict[str, str]], status: int, code: str
) -> None:
    offset, body, headers = sent
    path = await begin(client, 10)
    await patch(client, path, 0, b"ab")
    answer = await patch(client, path, offset, body, **headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert await offset_of(client, path) == 2
    assert len(stored(house)) == 1


async def test_a_piece_of_unknown_length_stops_at_the_announced_one(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield bytes(100_000)

    path = await begin(client, 500_000)
    answer = await patch(client, path, 0, endless())
    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")
    assert await offset_of(client, path) <= 500_000


@pytest.mark.parametrize("algorithm", receiving.ALGORITHMS)
async def test_a_piece_with_the_right_checksum_counts(
    house: Desk, client: httpx.AsyncClient, algorithm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "PART_BYTES", 1_000)
    file = os.urandom(400_000)
    path = await begin(client, len(file))
    answer = await patch(client, path, 0, file, **checksum(algorithm, file))
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(len(file)))
    assert content_of(house, path) == file


async def test_a_wrong_checksum_over_several_parts_leaves_nothing(
    house: Desk, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "PART_BYTES", 1_000)
    path = await begin(client, 600_000)
    answer = await patch(client, path, 0, bytes(600_000), **checksum("sha256", b"else"))
    assert (answer.status_code, answer.json()["title"]) == (460, "Checksum Mismatch")
    assert (await offset_of(client, path), stored(house)) == (0, [])


async def test_the_first_bytes_may_come_with_the_beginning(house: Desk, client: httpx.AsyncClient) -> None:
    headers = {"upload-length": "6", **OFFSET_TYPE}
    answer = await client.post("/v1/uploads", content=b"abc", headers=headers)
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "3")
    await patch(client, answer.headers["location"], 3, b"def")
    assert content_of(house, answer.headers["location"]) == b"abcdef"


async def test_of_two_pieces_for_one_place_one_counts(house: Desk, client: httpx.AsyncClient) -> None:
    path = await begin(client, 400_000)
    started = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"a" * 300_000
        started.set()
        await asyncio.sleep(0)
        yield b"a" * 100_000

    first = asyncio.create_task(patch(client, path, 0, slow()))
    second = asyncio.create_task(patch(client, path, 0, b"b" * 400_000))
    statuses = sorted([(await first).status_code, (await second).status_code])
    assert statuses[0] == 204
    assert statuses[1] in {409, 423}
    assert content_of(house, path) in {b"a" * 400_000, b"b" * 400_000}


async def test_a_connection_that_breaks_off_keeps_what_came_and_is_no_defect(
    house: Desk, client: httpx.AsyncClient
) -> None:
    """As the server hears it: a first part of the body, then the end of the connection."""
    path = await begin(client, 600_000)
    came: dict[str, Any] = {"type": "http.request", "body": b"a" * 300_000, "more_body": True}
    heard, said = [came, {"type": "http.disconnect"}], []

    async def receive() -> Any:
        return heard.pop(0)

    async def send(message: Any) -> None:
        said.append(message)

    given = {**dict(client.headers), **OFFSET_TYPE, "upload-offset": "0"}
    headers = [(name.encode(), value.encode()) for name, value in given.items()]
    where = {"method": "PATCH", "path": path, "query_string": b"", "headers": headers}
    await house.app({"type": "http", **where}, receive, send)
    assert (said[0]["status"], json.loads(said[1]["body"])["code"]) == (422, "upload_aborted")
    assert await offset_of(client, path) == 300_000


async def test_what_cannot_be_stored_at_first_does_not_come_twice(
    house: Desk, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads, file = house.context.uploads, os.urandom(900_000)
    assert uploads is not None
    put, failures = uploads._artifacts.put, iter([StorageFailure("The store is away; try again.")])

    def hesitant(key: str, data: Any) -> Any:
        for failure in failures:
            b"".join(data)  # it fails at its end
            raise failure
        return put(key, data)

    async def slowly() -> AsyncIterator[bytes]:
        for start in range(0, len(file), 300_000):
            yield file[start : start + 300_000]

    monkeypatch.setattr(receiving, "PART_BYTES", 1_000)
    monkeypatch.setattr(uploads._artifacts, "put", hesitant)
    path = await begin(client, len(file))
    assert (await patch(client, path, 0, slowly())).json()["code"] == "storage_failure"
    offset = await offset_of(client, path)
    assert (await patch(client, path, offset, file[offset:])).status_code == 204
    assert content_of(house, path) == file


async def test_another_gateway_goes_on_with_an_upload(house: Desk, client: httpx.AsyncClient) -> None:
    path = await begin(client, 6)
    await patch(client, path, 0, b"abc")
    async with desk(house.settings) as other:
        other.admin.headers.update(TUS)
        assert (await patch(other.admin, path, 3, b"def")).status_code == 204
    assert content_of(house, path) == b"abcdef"


async def test_an_upload_is_ended(house: Desk, client: httpx.AsyncClient) -> None:
    path = await begin(client, 6)
    await patch(client, path, 0, b"abc")
    assert (await client.delete(path)).status_code == 204
    for answer in (await client.head(path), await client.delete(path), await patch(client, path, 3, b"def")):
        assert answer.status_code == 404
    assert stored(house) == []
    assert house.ledger._redis.keys(f"{house.settings.key_prefix}upload:*") == []


async def test_clients_that_know_no_patch_say_what_they_mean(house: Desk, client: httpx.AsyncClient) -> None:
    path = await begin(client, 3)
    headers = {**OFFSET_TYPE, "upload-offset": "0", "x-http-method-override": "PATCH"}
    assert (await client.post(path, content=b"abc", headers=headers)).headers["upload-offset"] == "3"
    assert content_of(house, path) == b"abc"
    refused = await client.post(path, headers={"x-http-method-override": "BREW"})
    assert refused.status_code == 405
    assert (await client.post(path, headers={"x-http-method-override": "DELETE"})).status_code == 204


async def test_an_upload_of_somebody_else_is_not_there(house: Desk, client: httpx.AsyncClient) -> None:
    path = await begin(client, 3)
    stranger = await house.holder("acme")
    stranger.headers.update(TUS)
    answers = [
        await patch(stranger, path, 0, b"abc"),
        await stranger.delete(path),
        await stranger.post("/v1/jobs", json={"kind": "decode", "upload_id": path.rpartition("/")[2]}),
    ]
    assert [answer.json()["code"] for answer in answers] == ["upload_not_found"] * 3
    assert (await stranger.head(path)).status_code == 404
    assert await offset_of(client, path) == 0


@pytest.mark.parametrize(
    "name",
    ["upl_1", "..%2fx", "upl_01a20868f0f17081b91d005226eeb321", "job_01a20868f0f1792fa01ffee48b884082"],
)
async def test_what_was_never_begun_is_not_found(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.head(f"/v1/uploads/{name}")).status_code == 404


async def test_an_upload_without_bytes_is_complete_and_of_no_use(client: httpx.AsyncClient) -> None:
    path = await begin(client, 0)
    answer = await client.post("/v1/jobs", json={"kind": "decode", "upload_id": path.rpartition("/")[2]})
    assert (answer.status_code, answer.json()["code"]) == (422, "empty_file")


async def test_an_upload_that_nobody_goes_on_with_is_forgotten_and_swept(
    redis_url: str, tmp_path: Path, kept: dict[str, Any]
) -> None:
    async with desk(lonely(redis_url, tmp_path, gateway_upload_ttl_s=0.5, **kept)) as short:
        short.admin.headers.update(TUS)
        path = await begin(short.admin, 6)
        await patch(short.admin, path, 0, b"abc")
        keys = f"{short.settings.key_prefix}upload:*"
        await becomes(lambda: short.ledger._redis.keys(keys) == [])
        assert (await short.admin.head(path)).status_code == 404
        assert (await patch(short.admin, path, 3, b"def")).status_code == 404
        assert len(stored(short)) == 1
        assert sweeper(short).sweep(datetime.now(UTC) + DAY) == 1
        assert [file.name for file in stored(short)] == ["owner"]


async def test_what_an_upload_needs_is_not_swept(house: Desk, client: httpx.AsyncClient) -> None:
    path = await begin(client, 6)
    await patch(client, path, 0, b"abc")
    prefix = f"default/{path.rpartition('/')[2]}/"
    artifacts(house).put(f"{prefix}0000000000000003.lost", b"xyz")
    assert sweeper(house).sweep(datetime.now(UTC) + DAY) == 1
    await patch(client, path, 3, b"def")
    assert content_of(house, path) == b"abcdef"


async def test_nothing_of_an_upload_is_swept_while_somebody_writes_to_it(house: Desk) -> None:
    client, uploads = house.admin, house.context.uploads
    assert uploads is not None
    path = await begin(client, 6)
    upload_id = path.rpartition("/")[2]
    with uploads.receiving("default", upload_id, 0, None):
        artifacts(house).put(f"default/{upload_id}/part", b"abc")
        assert sweeper(house).sweep(datetime.now(UTC) + DAY) == 0
    assert sweeper(house).sweep(datetime.now(UTC) + DAY) == 1


async def test_a_writer_whose_lock_is_lost_counts_nothing(house: Desk, client: httpx.AsyncClient) -> None:
    path = await begin(client, 400_000)
    lock = f"{house.settings.key_prefix}upload:default:{path.rpartition('/')[2]}:lock"

    async def overtaken() -> AsyncIterator[bytes]:
        yield b"a" * 300_000
        house.ledger._redis.delete(lock)
        assert (await patch(client, path, 0, b"b" * 100)).status_code == 204
        yield b"a" * 100_000

    answer = await patch(client, path, 0, overtaken())
    assert (answer.status_code, answer.json()["code"]) == (423, "upload_locked")
    assert int(answer.headers["retry-after"]) > 0
    assert (await offset_of(client, path), len(stored(house))) == (100, 1)


def sweeper(house: Desk) -> Sweeper:
    store, uploads = RedisJobStore(house.ledger), house.context.uploads
    assert uploads is not None
    return Sweeper(store, artifacts(house), 3600, uploads)
