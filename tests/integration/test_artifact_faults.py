"""Full disks, killed writers and lost buckets: the artifact store says what is wrong and loses nothing."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from services.shared.artifacts.base import ArtifactStore
from services.shared.artifacts.local import LocalArtifacts
from services.shared.artifacts.store import open_store
from services.shared.config import Settings
from services.shared.errors import Misconfigured, StorageFailure
from tests.support import s3_server
from tests.support.absent import absent

MIB = 1024 * 1024


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def in_a_process(name: str, folder: Path, *before: str) -> list[str]:
    """Return the command that runs a function of this module on a folder."""
    return [*before, sys.executable, "-c", f"from {__name__} import {name}; {name}({str(folder)!r})"]


def refused(store: ArtifactStore, key: str, data: bytes | Iterator[bytes]) -> list[Any]:
    """Put what the store must refuse; return what it says."""
    try:
        store.put(key, data)
    except StorageFailure as error:
        return [error.code, error.retryable]
    return ["kept"]


# What runs on a file system of its own, in a process of its own, which prints what it saw.


def fill_the_disk(folder: str) -> None:
    store = LocalArtifacts(Path(folder))
    store.put("acme/job_1/earlier", b"e" * 1000)
    store.put("ballast", b"b" * (2 * MIB))
    full = refused(store, "acme/job_1/late", (b"x" * 65536 for _ in range(64)))
    replaced = refused(store, "acme/job_1/earlier", b"x" * (4 * MIB))
    left = files(Path(folder))
    intact = store.get("acme/job_1/earlier") == b"e" * 1000
    store.delete_prefix("ballast")
    later = store.put("acme/job_1/late", b"l" * MIB).size_bytes
    print(json.dumps([full, replaced, left, intact, later]))


def use_up_the_names(folder: str) -> None:
    store = LocalArtifacts(Path(folder))
    said = [refused(store, f"acme/job_1/{n}/a", b"x") for n in range(100)]
    print(json.dumps([said[0], said[-1], len([name for name in files(Path(folder)) if name[0] == "."])]))


def meet_the_quota(folder: str) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, MIB))
    store = LocalArtifacts(Path(folder))
    said = refused(store, "acme/job_1/a", b"x" * (2 * MIB))
    print(json.dumps([said, files(Path(folder)), store.put("acme/job_1/a", b"x").size_bytes]))


def write_for_ever(folder: str) -> None:
    def parts() -> Iterator[bytes]:
        yield b"x" * MIB
        print("half", flush=True)
        yield sys.stdin.buffer.read()

    LocalArtifacts(Path(folder)).put("acme/job_1/a", parts())


def on_a_small_disk(name: str, folder: Path, options: str) -> Any:
    """Run a function of this module on a disk of its own; return what it printed."""
    own = ["unshare", "--map-root-user", "--mount"]
    if subprocess.run([*own, "true"], check=False, capture_output=True).returncode:
        absent("a small disk of one's own (unshare --map-root-user --mount)")
    mount = 'mount -t tmpfs -o "$1" tmpfs "$2" && shift 2 && exec "$@"'
    command = in_a_process(name, folder, *own, "sh", "-c", mount, "sh", options, str(folder))
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_a_full_disk_refuses_for_now_and_harms_nothing(tmp_path: Path) -> None:
    full, replaced, left, intact, later = on_a_small_disk("fill_the_disk", tmp_path, "size=4m")
    assert full == replaced == ["storage_full", True]
    assert left == ["ballast", "earlier"]
    assert intact
    assert later == MIB


def test_artifacts_leave_the_disk_the_space_that_is_reserved(tmp_path: Path) -> None:
    free_bytes = shutil.disk_usage(tmp_path).free
    greedy = LocalArtifacts(tmp_path, reserve_bytes=2 * free_bytes)
    assert refused(greedy, "acme/job_1/late", b"x") == ["storage_full", True]
    assert files(tmp_path) == []
    LocalArtifacts(tmp_path, reserve_bytes=1).put("acme/job_1/late", b"x")


def test_a_disk_that_takes_no_more_files_is_full(tmp_path: Path) -> None:
    first, last, unfinished = on_a_small_disk("use_up_the_names", tmp_path, "size=4m,nr_inodes=40")
    assert (first, last, unfinished) == (["kept"], ["storage_full", True], 0)


def test_a_quota_on_files_is_a_full_disk(tmp_path: Path) -> None:
    command = in_a_process("meet_the_quota", tmp_path)
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert json.loads(printed) == [["storage_full", True], [], 1]


def test_a_killed_writer_leaves_nothing_that_can_be_read(tmp_path: Path) -> None:
    store = LocalArtifacts(tmp_path)
    store.put("acme/job_1/a", b"earlier")
    command = in_a_process("write_for_ever", tmp_path)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"half\n"
        writer.kill()
    assert writer.returncode == -signal.SIGKILL
    assert len(files(tmp_path)) == 2
    assert [each.key for each in store.list()] == ["acme/job_1/a"]
    assert store.get("acme/job_1/a") == b"earlier"
    now = datetime.now(UTC)
    assert store.tidy(now - timedelta(hours=1)) == 0
    assert store.tidy(now + timedelta(hours=1)) == 1
    assert files(tmp_path) == ["a"]


def test_a_put_is_only_done_when_the_disk_has_every_name_on_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalArtifacts(tmp_path)
    synced: list[tuple[Path, bool]] = []
    target = tmp_path / "objects" / "acme" / "job_1" / "a"

    def fsync(handle: int) -> None:
        synced.append((Path(f"/proc/self/fd/{handle}").readlink(), target.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    store.put("acme/job_1/a", b"sound")
    content, *folders = synced
    assert (content[0].parent, content[1]) == (target.parent, False)
    assert folders == [(folder, True) for folder in list(target.parents)[:3]]


# A bucket


@pytest.fixture(scope="module")
def s3_address() -> Iterator[str]:
    with s3_server.running() as address:
        yield address


USES: dict[str, Callable[[ArtifactStore], object]] = {
    "put": lambda store: store.put("a", b"1"),
    "get": lambda store: store.get("a"),
    "size": lambda store: store.size("a"),
    "list": lambda store: list(store.list()),
    "delete_prefix": lambda store: store.delete_prefix("a"),
}


@pytest.mark.parametrize("use", USES)
def test_a_bucket_that_is_not_there_is_a_failure_and_not_a_missing_artifact(
    s3_address: str, use: str
) -> None:
    store = open_store(s3_server.settings(s3_address, "x", artifacts_url="s3://nobody/x"))
    with pytest.raises(StorageFailure) as caught:
        USES[use](store)
    assert "create it" in caught.value.detail


@pytest.mark.parametrize("use", USES)
def test_a_bucket_that_cannot_be_reached_is_a_failure_that_passes(use: str) -> None:
    with s3_server.running() as address:
        store = open_store(s3_server.settings(address, "x"))
    with pytest.raises(StorageFailure) as caught:
        USES[use](store)
    assert (caught.value.code, caught.value.retryable) == (StorageFailure.family, True)
    assert address not in caught.value.detail


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """Serve an S3 that says the same to everything; yield its address."""

    class Answer(BaseHTTPRequestHandler):
        def say(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_PUT = do_GET = do_HEAD = say  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "code"), [(507, "XMinioStorageFull"), (403, "QuotaExceeded")], ids=["MinIO", "Ceph"]
)
def test_a_full_bucket_refuses_for_now(status: int, code: str) -> None:
    with answering(status, f"<Error><Code>{code}</Code></Error>".encode()) as address:
        store = open_store(s3_server.settings(address, "x"))
        assert refused(store, "a", b"1") == ["storage_full", True]


def test_wrong_keys_are_named_as_the_cause() -> None:
    said = b"<Error><Code>InvalidAccessKeyId</Code></Error>"
    with answering(403, said) as address, pytest.raises(StorageFailure) as caught:
        open_store(s3_server.settings(address, "x")).get("a")
    assert "S3 keys" in caught.value.detail


def test_half_of_the_keys_is_a_wrong_setting(s3_address: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        open_store(s3_server.settings(s3_address, "x", s3_secret_access_key=None))
    assert "DRAGOMAN_S3_SECRET_ACCESS_KEY" in caught.value.detail


def test_two_installations_share_a_bucket_in_folders_of_their_own(s3_address: str) -> None:
    one, other = (open_store(s3_server.settings(s3_address, folder)) for folder in ("one", "other/below"))
    one.put("a", b"1")
    assert (one.exists("a"), other.exists("a"), list(other.list())) == (True, False, [])


def test_who_has_no_bucket_loads_no_library_for_one(tmp_path: Path) -> None:
    script = (
        "import sys; from services.shared.artifacts.store import open_store; "
        "from services.shared.config import Settings; "
        "open_store(Settings(home=sys.argv[1])); print('obstore' in sys.modules)"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "False\n"


def test_the_secret_is_never_shown() -> None:
    chosen = Settings.model_validate({"s3_access_key_id": "key", "s3_secret_access_key": "4711"})
    assert "4711" not in repr(chosen)
