"""What every artifact store must do, whatever it keeps its objects in."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings

from services.shared.artifacts.base import ArtifactStore
from services.shared.errors import InvalidRequest, NotFound, StorageFailure
from tests.support import artifact_house
from tests.support.artifact_house import BLOCK, MIB, House, noise


@pytest.fixture(scope="module", params=artifact_house.KINDS)
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Each store in turn; a test uses keys of its own."""
    with artifact_house.opened(request.param, tmp_path_factory.mktemp("home")) as opened:
        yield opened


@pytest.fixture
def job() -> str:
    """Prefix of a job that no other test uses."""
    return f"acme/{uuid.uuid4().hex}/"


@pytest.fixture
def store(house: House) -> ArtifactStore:
    return house.store


def failing(parts: int) -> Iterator[bytes]:
    for _ in range(parts):
        yield b"x" * BLOCK
    raise RuntimeError("the client went away")


def test_what_was_put_is_got_back(store: ArtifactStore, job: str) -> None:
    stored = store.put(f"{job}a", b"sound")
    assert (stored.key, stored.size_bytes) == (f"{job}a", 5)
    assert stored.sha256 == hashlib.sha256(b"sound").hexdigest()
    assert (store.get(f"{job}a"), store.size(f"{job}a"), store.exists(f"{job}a")) == (b"sound", 5, True)
    with store.open(f"{job}a") as file:
        assert file.read() == b"sound"


def test_an_empty_object_is_an_object(store: ArtifactStore, job: str) -> None:
    store.put(f"{job}a", iter([b"", b""]))
    assert (store.get(f"{job}a"), store.size(f"{job}a")) == (b"", 0)
    assert list(store.stream(f"{job}a")) == []
    assert [each.size_bytes for each in store.list(job)] == [0]


def test_a_later_object_replaces_an_earlier_one(store: ArtifactStore, job: str) -> None:
    store.put(f"{job}a", noise(3 * BLOCK))
    store.put(f"{job}a", b"second")
    assert store.get(f"{job}a") == b"second"


def test_a_large_object_comes_and_goes_in_pieces(store: ArtifactStore, job: str) -> None:
    content = noise(20 * MIB + 7)
    stored = store.put(f"{job}a", (content[at : at + 100_000] for at in range(0, len(content), 100_000)))
    assert (stored.size_bytes, stored.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    pieces = list(store.stream(f"{job}a"))
    assert max(len(piece) for piece in pieces) <= BLOCK
    assert b"".join(pieces) == content
    assert b"".join(store.stream(f"{job}a", 9 * MIB - 1, MIB)) == content[9 * MIB - 1 :][:MIB]


def test_an_object_can_be_read_like_a_file(store: ArtifactStore, job: str) -> None:
    content = noise(3 * BLOCK)
    store.put(f"{job}a", content)
    with store.open(f"{job}a") as file:
        assert file.read(10) == content[:10]
        assert file.seek(-5, 2) == len(content) - 5
        assert file.read() == content[-5:]
        assert file.seek(BLOCK - 3) == BLOCK - 3
        assert (file.read(6), file.tell()) == (content[BLOCK - 3 : BLOCK + 3], BLOCK + 3)
        file.seek(len(content) + 9)
        assert file.read() == b""


@given(
    size=st.sampled_from([0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK]) | st.integers(0, 4 * BLOCK),
    start=st.sampled_from([0, 1, BLOCK - 1, BLOCK, BLOCK + 1]) | st.integers(0, 5 * BLOCK),
    length=st.none() | st.sampled_from([0, 1, 2, BLOCK]) | st.integers(0, 5 * BLOCK),
)
@example(size=2 * BLOCK, start=BLOCK, length=BLOCK)
@example(size=2 * BLOCK + 1, start=2 * BLOCK, length=None)
@settings(max_examples=60)
def test_any_range_of_any_content_reads_back(house: House, size: int, start: int, length: int | None) -> None:
    content = noise(size)
    house.store.put("ranges/a", content)
    pieces = list(house.store.stream("ranges/a", start, length))
    assert b"".join(pieces) == content[start:][: size if length is None else length]
    assert all(0 < len(piece) <= BLOCK for piece in pieces)


@given(parts=st.lists(st.binary(max_size=9) | st.integers(0, 2 * BLOCK).map(noise), max_size=6))
@settings(max_examples=60)
def test_content_reads_back_however_it_was_cut_when_it_came(house: House, parts: list[bytes]) -> None:
    content = b"".join(parts)
    stored = house.store.put("parts/a", iter(parts))
    assert stored.size_bytes == len(content)
    assert house.store.get("parts/a") == content
    assert [each.size_bytes for each in house.store.list("parts")] == [len(content)]


@pytest.mark.parametrize(
    "read",
    [
        lambda store, key: store.get(key),
        lambda store, key: store.open(key),
        lambda store, key: next(store.stream(key)),
        lambda store, key: store.size(key),
    ],
    ids=["get", "open", "stream", "size"],
)
def test_what_is_not_there_is_not_found(
    store: ArtifactStore, job: str, read: Callable[[ArtifactStore, str], object]
) -> None:
    store.put(f"{job}folder/a", b"1")
    for key in (f"{job}nothing", f"{job}folder"):
        assert not store.exists(key)
        with pytest.raises(NotFound) as caught:
            read(store, key)
        assert caught.value.code == "artifact_not_found"


@pytest.mark.parametrize("key", ["../up", "/etc/passwd", "a//b", "a/.b", "a/..", "a\n", "a b", "/"])
@pytest.mark.parametrize(
    "use",
    [
        lambda store, key: store.put(key, b"1"),
        lambda store, key: store.get(key),
        lambda store, key: store.open(key),
        lambda store, key: next(store.stream(key)),
        lambda store, key: store.size(key),
        lambda store, key: store.exists(key),
        lambda store, key: store.delete_prefix(key),
        lambda store, key: next(store.list(key)),
    ],
    ids=["put", "get", "open", "stream", "size", "exists", "delete_prefix", "list"],
)
def test_a_key_that_leads_out_is_refused(
    store: ArtifactStore, use: Callable[[ArtifactStore, str], object], key: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        use(store, key)
    assert caught.value.code == "invalid_key"


@pytest.mark.parametrize("parts", [0, 1, 200], ids=["nothing", "little", "several parts"])
def test_a_source_that_fails_leaves_nothing(store: ArtifactStore, job: str, parts: int) -> None:
    with pytest.raises(RuntimeError):
        store.put(f"{job}a", failing(parts))
    assert not store.exists(f"{job}a")
    assert list(store.list(job)) == []


@pytest.mark.parametrize("parts", [1, 200], ids=["little", "several parts"])
def test_a_source_that_fails_leaves_the_earlier_object(store: ArtifactStore, job: str, parts: int) -> None:
    store.put(f"{job}a", b"whole")
    with pytest.raises(RuntimeError):
        store.put(f"{job}a", failing(parts))
    assert store.get(f"{job}a") == b"whole"


def test_an_object_is_not_there_before_it_is_whole(store: ArtifactStore, job: str) -> None:
    seen: list[bool] = []

    def watched() -> Iterator[bytes]:
        yield noise(17 * MIB)
        seen.append(store.exists(f"{job}a") or bool(list(store.list(job))))
        yield b"end"

    store.put(f"{job}a", watched())
    assert (seen, store.exists(f"{job}a")) == ([False], True)


def test_an_object_can_be_copied_while_it_is_read(store: ArtifactStore, job: str) -> None:
    store.put(f"{job}a", noise(17 * MIB))
    store.put(f"{job}b", store.stream(f"{job}a"))
    assert store.get(f"{job}b") == noise(17 * MIB)


def test_writers_of_one_key_never_mix(store: ArtifactStore, job: str) -> None:
    bodies = [bytes([n]) * (3 * BLOCK + n) for n in range(6)]
    threads = [threading.Thread(target=store.put, args=(f"{job}a", body)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get(f"{job}a") in bodies


def rest_of(reading: Iterator[bytes]) -> bytes | str:
    """Read to the end; return the code of what went wrong, if something did."""
    try:
        return b"".join(reading)
    except StorageFailure as error:
        return error.code


def test_a_reader_never_sees_two_versions_mixed(store: ArtifactStore, job: str) -> None:
    first, second = noise(5 * MIB), noise(5 * MIB + 1)
    store.put(f"{job}a", first)
    reading = store.stream(f"{job}a")
    seen = next(reading)
    store.put(f"{job}a", second)
    assert rest_of(reading) in {first[len(seen) :], StorageFailure.family}


def test_a_listing_tells_the_size_of_the_content_and_when_it_was_put(store: ArtifactStore, job: str) -> None:
    sizes = {f"{job}a": 0, f"{job}b/c": 1, f"{job}b/d": BLOCK, f"{job}b/e/f": 3 * BLOCK + 5}
    began = datetime.now(UTC)
    for key, size in sizes.items():
        store.put(key, noise(size))
    found = list(store.list(job))
    assert {each.key: each.size_bytes for each in found} == sizes
    assert all(abs(each.modified_at - began) < timedelta(minutes=10) for each in found)
    assert {each.modified_at.utcoffset() for each in found} == {timedelta(0)}
    assert [each.key for each in store.list(f"{job}b")] == [each.key for each in store.list(f"{job}b/")]
    assert {each.key for each in store.list(f"{job}b")} == set(sizes) - {f"{job}a"}
    assert set(sizes) <= {each.key for each in store.list()}
    assert list(store.list(f"{job}nobody")) == []


def test_a_listing_keeps_the_objects_of_a_folder_together(store: ArtifactStore, job: str) -> None:
    for name in ("b/x", "a/x", "b/y", "a/z/x", "a-b/x", "a/y"):
        store.put(f"{job}{name}", b"")
    folders = [each.key.removeprefix(job).split("/")[0] for each in store.list(job)]
    assert sorted(folders) == ["a", "a", "a", "a-b", "b", "b"]
    assert sum(one != other for one, other in pairwise(folders)) == 2


def test_a_prefix_deletes_its_folder_and_nothing_beside_it(store: ArtifactStore, job: str) -> None:
    keys = [f"{job}{name}" for name in ("job_1/a", "job_1/b/c", "job_10/a", "job_2/a")]
    for key in keys:
        store.put(key, b"1")
    assert store.delete_prefix(f"{job}job_1/") == 2
    assert [store.exists(key) for key in keys] == [False, False, True, True]
    assert store.delete_prefix(f"{job}job_1/") == 0


def test_one_object_is_deleted_by_its_key(store: ArtifactStore, job: str) -> None:
    store.put(f"{job}a", b"1")
    store.put(f"{job}ab", b"1")
    assert store.delete_prefix(f"{job}a") == 1
    assert (store.exists(f"{job}a"), store.exists(f"{job}ab")) == (False, True)
