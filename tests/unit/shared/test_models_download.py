"""Downloading against a real HTTP server that breaks off, refuses and lies."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.shared.errors import Misconfigured, NotFound, Unauthorized, Unavailable
from services.shared.models.download import Patience, Target, client, download
from tests.unit.shared.models_registry import Registry, served, sha256

CONTENT = bytes(range(251)) * 4000
PATH = "/files/thing"
QUICK = Patience(attempts=3, first_wait_s=0.001)


@pytest.fixture
def registry() -> Iterator[Registry]:
    with served(Registry(files={PATH: CONTENT})) as running:
        yield running


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with client(None) as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(tmp_path / "thing", sha256(CONTENT), len(CONTENT))


def bring(http: httpx.Client, registry: Registry, target: Target) -> list[int]:
    seen: list[int] = []
    download(http, registry.url + PATH, target, seen.append, QUICK)
    return seen


def test_a_file_comes_whole_and_its_growth_is_told(
    http: httpx.Client, registry: Registry, target: Target
) -> None:
    seen = bring(http, registry, target)
    assert target.path.read_bytes() == CONTENT
    assert not target.part.exists()
    assert seen == sorted(seen)
    assert seen[-1] == len(CONTENT)


def test_a_broken_connection_is_continued_where_it_stopped(
    http: httpx.Client, registry: Registry, target: Target
) -> None:
    registry.cuts[PATH] = [500_000]
    bring(http, registry, target)
    assert target.path.read_bytes() == CONTENT
    assert registry.ranges(PATH) == [None, "bytes=500000-"]


def test_what_an_interrupted_pull_left_is_continued(
    http: httpx.Client, registry: Registry, target: Target
) -> None:
    target.part.write_bytes(CONTENT[:123_456])
    bring(http, registry, target)
    assert target.path.read_bytes() == CONTENT
    assert registry.ranges(PATH) == ["bytes=123456-"]


def test_a_complete_part_is_not_asked_for_again(
    http: httpx.Client, registry: Registry, target: Target
) -> None:
    target.part.write_bytes(CONTENT)
    bring(http, registry, target)
    assert target.path.read_bytes() == CONTENT
    assert registry.requests == []


def test_a_part_that_is_too_long_is_thrown_away(
    http: httpx.Client, registry: Registry, target: Target
) -> None:
    target.part.write_bytes(CONTENT + b"more")
    bring(http, registry, target)
    assert target.path.read_bytes() == CONTENT


def test_a_server_without_ranges_sends_all_again(
    http: httpx.Client, registry: Registry, target: Target
) -> None:
    registry.ignores_ranges = True
    registry.cuts[PATH] = [500_000]
    bring(http, registry, target)
    assert target.path.read_bytes() == CONTENT


def test_progress_resets_the_count_of_failures(
    http: httpx.Client, registry: Registry, target: Target
) -> None:
    registry.cuts[PATH] = [100_000] * 8
    bring(http, registry, target)
    assert len(registry.requests) == 9


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_tried_again(
    http: httpx.Client, registry: Registry, target: Target, status: int
) -> None:
    registry.statuses[PATH] = [status, status]
    bring(http, registry, target)
    assert target.path.read_bytes() == CONTENT


def test_a_lasting_failure_is_given_up_and_what_came_is_kept(
    http: httpx.Client, registry: Registry, target: Target
) -> None:
    registry.cuts[PATH] = [500_000, 0, 0, 0]
    with pytest.raises(Unavailable, match="goes on where it stopped") as caught:
        bring(http, registry, target)
    assert caught.value.code == "download_failed"
    assert target.part.read_bytes() == CONTENT[:500_000]


def test_a_server_that_is_not_there_is_given_up(
    http: httpx.Client, registry: Registry, target: Target
) -> None:
    with pytest.raises(Unavailable):
        download(http, "http://127.0.0.1:1/thing", target, lambda _: None, QUICK)


def test_a_range_that_the_server_denies_starts_anew(
    http: httpx.Client, registry: Registry, target: Target
) -> None:
    target.part.write_bytes(CONTENT[:1000])
    registry.statuses[PATH] = [416]
    bring(http, registry, target)
    assert registry.ranges(PATH) == ["bytes=1000-", None]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_is_not_tried_again(
    http: httpx.Client, registry: Registry, target: Target, status: int
) -> None:
    registry.statuses[PATH] = [status]
    with pytest.raises(Unauthorized):
        bring(http, registry, target)
    assert len(registry.requests) == 1


def test_a_file_that_is_gone_is_not_tried_again(
    http: httpx.Client, registry: Registry, target: Target
) -> None:
    registry.statuses[PATH] = [404]
    with pytest.raises(NotFound):
        bring(http, registry, target)
    assert len(registry.requests) == 1


def test_a_wrong_hash_is_refused_and_the_file_removed(
    http: httpx.Client, registry: Registry, target: Target
) -> None:
    registry.files[PATH] = CONTENT[:-1] + b"!"
    with pytest.raises(Misconfigured) as caught:
        bring(http, registry, target)
    assert caught.value.code == "wrong_hash"
    assert list(target.path.parent.iterdir()) == []


def test_a_file_that_is_longer_than_promised_is_refused_and_removed(
    http: httpx.Client, registry: Registry, target: Target
) -> None:
    registry.files[PATH] = CONTENT * 3
    with pytest.raises(Misconfigured, match="larger"):
        bring(http, registry, target)
    assert list(target.path.parent.iterdir()) == []


def test_a_compressed_archive_is_taken_as_it_is(
    http: httpx.Client, registry: Registry, tmp_path: Path
) -> None:
    packed = gzip.compress(CONTENT)
    registry.files[PATH] = packed
    bring(http, registry, Target(tmp_path / "packed.tgz", sha256(packed), len(packed)))
    assert (tmp_path / "packed.tgz").read_bytes() == packed


def test_a_local_mirror_is_copied(http: httpx.Client, target: Target, tmp_path: Path) -> None:
    source = tmp_path / "with space" / "thing"
    source.parent.mkdir()
    source.write_bytes(CONTENT)
    download(http, source.as_uri(), target, lambda _: None)
    assert target.path.read_bytes() == CONTENT
    assert source.exists()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 400_000), max_size=5), left=st.integers(0, len(CONTENT)))
def test_wherever_it_breaks_off_the_file_comes_out_whole(
    http: httpx.Client, registry: Registry, target: Target, cuts: list[int], left: int
) -> None:
    registry.cuts[PATH] = list(cuts)
    target.part.write_bytes(CONTENT[:left])
    bring(http, registry, target)
    assert target.path.read_bytes() == CONTENT


@given(failures=st.integers(1, 10))
def test_pauses_double_with_jitter(failures: int) -> None:
    longest = 0.5 * 2 ** (failures - 1)
    assert longest / 2 <= Patience().wait_s(failures) <= longest
