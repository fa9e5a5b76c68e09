"""What only the local store must do: leave no litter, let no key out of its folder, show itself to nobody."""

from __future__ import annotations

import hashlib
import string
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from services.shared.artifacts.base import ArtifactStore
from services.shared.artifacts.local import LocalArtifacts
from services.shared.errors import DragomanError, InvalidRequest, NotFound, StorageFailure

NAMES = st.text(string.ascii_letters + string.digits + "-_.", min_size=1, max_size=20).filter(
    lambda name: not name.startswith(".")
)
KEYS = st.lists(NAMES, min_size=1, max_size=5).map("/".join)
CHUNK_BYTES = 64 * 1024


@pytest.fixture
def store(tmp_path: Path) -> LocalArtifacts:
    return LocalArtifacts(tmp_path / "store")


def files(folder: Path) -> list[Path]:
    """Return every file below a folder."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_the_local_store_is_an_artifact_store(store: LocalArtifacts) -> None:
    as_protocol: ArtifactStore = store
    assert as_protocol.put("a", b"1").size_bytes == 1


@given(key=KEYS, data=st.binary(max_size=1000))
def test_what_was_put_under_any_plain_key_is_got_back(
    tmp_path_factory: pytest.TempPathFactory, key: str, data: bytes
) -> None:
    folder = tmp_path_factory.mktemp("store")
    store = LocalArtifacts(folder)
    stored = store.put(key, data)
    assert (stored.key, stored.size_bytes) == (key, len(data))
    assert stored.sha256 == hashlib.sha256(data).hexdigest()
    assert store.exists(key)
    assert (store.get(key), store.size(key)) == (data, len(data))
    (written,) = files(folder)
    assert (folder / "objects").resolve() in written.resolve().parents
    assert not any(part.startswith(".") for part in written.relative_to(folder).parts)
    assert store.delete_prefix(key) == 1
    assert not store.exists(key)


@given(key=st.text(st.sampled_from("ab./\\~-_ \n\0é"), max_size=12))
@example(key="../up")
@example(key="a/../../up")
@example(key="/etc/passwd")
@example(key="a//b")
@example(key="a/.hidden")
@example(key="a/..")
@example(key="a\n")
@example(key="")
def test_no_key_leads_out_of_the_folder_or_to_a_hidden_file(
    tmp_path_factory: pytest.TempPathFactory, key: str
) -> None:
    folder = tmp_path_factory.mktemp("jail")
    store = LocalArtifacts(folder / "store")
    with suppress(InvalidRequest):
        store.put(key, b"data")
    for written in files(folder):
        assert written.relative_to(folder / "store" / "objects").as_posix() == key
        assert not any(part.startswith(".") for part in key.split("/"))


@pytest.mark.parametrize(
    "use",
    [
        lambda store, key: store.get(key),
        lambda store, key: store.open(key),
        lambda store, key: list(store.stream(key)),
        lambda store, key: store.size(key),
        lambda store, key: store.exists(key),
        lambda store, key: store.delete_prefix(key),
    ],
    ids=["get", "open", "stream", "size", "exists", "delete_prefix"],
)
@pytest.mark.parametrize("key", ["../up", "/etc/passwd", "a/.b", ""])
def test_every_method_refuses_a_key_that_is_no_plain_path(
    store: LocalArtifacts, use: Callable[[LocalArtifacts, str], object], key: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        use(store, key)
    assert caught.value.code == "invalid_key"


@pytest.mark.parametrize("key", ["nothing", "folder", "file/below"])
@pytest.mark.parametrize(
    "read",
    [
        lambda store, key: store.get(key),
        lambda store, key: store.open(key),
        lambda store, key: list(store.stream(key)),
        lambda store, key: store.size(key),
    ],
    ids=["get", "open", "stream", "size"],
)
def test_what_is_not_there_is_not_found(
    store: LocalArtifacts, read: Callable[[LocalArtifacts, str], object], key: str
) -> None:
    store.put("folder/object", b"1")
    store.put("file", b"1")
    assert not store.exists(key)
    with pytest.raises(NotFound) as caught:
        read(store, key)
    assert caught.value.code == "artifact_not_found"


def test_a_source_that_fails_leaves_nothing_behind(store: LocalArtifacts, tmp_path: Path) -> None:
    def failing() -> Iterator[bytes]:
        yield b"half"
        raise NotFound("The client went away.", code="gone")

    with pytest.raises(DragomanError) as caught:
        store.put("a/b", failing())
    assert caught.value.code == "gone"
    assert files(tmp_path) == []


def test_a_source_that_fails_leaves_the_earlier_object(store: LocalArtifacts, tmp_path: Path) -> None:
    def failing() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError

    store.put("a", b"whole")
    with pytest.raises(RuntimeError):
        store.put("a", failing())
    assert store.get("a") == b"whole"
    assert len(files(tmp_path)) == 1


def test_deleting_what_is_not_there_is_no_error(store: LocalArtifacts) -> None:
    store.put("file", b"1")
    assert store.delete_prefix("nobody/job_1/") == 0
    assert store.delete_prefix("file/below/") == 0
    assert store.exists("file")


def test_a_file_where_a_folder_must_be_is_a_failure_of_the_store(store: LocalArtifacts) -> None:
    store.put("a", b"1")
    with pytest.raises(StorageFailure) as caught:
        store.put("a/b", b"2")
    assert caught.value.retryable
    assert "a/b" not in caught.value.detail
    assert store.get("a") == b"1"


def test_a_folder_where_an_object_must_be_is_a_failure_of_the_store(store: LocalArtifacts) -> None:
    store.put("a/b", b"1")
    with pytest.raises(StorageFailure):
        store.put("a", b"2")
    assert store.get("a/b") == b"1"


def test_a_name_that_no_disk_can_hold_is_refused(store: LocalArtifacts) -> None:
    store.put("a" * 255, b"1")
    with pytest.raises(InvalidRequest):
        store.put("a" * 256, b"1")


def test_a_path_that_no_disk_can_hold_is_a_failure_of_the_store(
    store: LocalArtifacts, tmp_path: Path
) -> None:
    key = "/".join(["a" * 255] * 20)
    with pytest.raises(StorageFailure):
        store.put(key, b"1")
    with pytest.raises(StorageFailure):
        store.exists(key)
    assert files(tmp_path) == []


def test_two_stores_on_one_folder_see_the_same(tmp_path: Path) -> None:
    LocalArtifacts(tmp_path).put("a", b"1")
    assert LocalArtifacts(tmp_path).get("a") == b"1"


def test_nobody_else_may_look_into_the_store(store: LocalArtifacts, tmp_path: Path) -> None:
    store.put("t/job_1/a", b"1")
    doors = [*(tmp_path / "store").iterdir(), *files(tmp_path)]
    assert len(doors) == 2
    assert all(path.stat().st_mode & 0o077 == 0 for path in doors)
