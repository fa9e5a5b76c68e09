"""What no artifact store may hand out: content that is not what was put."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings

from services.shared.errors import StorageFailure
from tests.conftest import Logged
from tests.support import artifact_house
from tests.support.artifact_house import BLOCK, House, noise

KEY = "acme/job_1/a"


@pytest.fixture(scope="module", params=artifact_house.KINDS)
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Each store in turn; a test uses keys of its own."""
    with artifact_house.opened(request.param, tmp_path_factory.mktemp("home")) as opened:
        yield opened


def corrupt(use: Callable[[], object]) -> None:
    with pytest.raises(StorageFailure) as caught:
        use()
    assert (caught.value.code, caught.value.retryable) == ("artifact_corrupt", True)


@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), size=st.integers(0, 3 * BLOCK))
@example(where=0.0, bit=0, size=0)
@example(where=0.99999, bit=7, size=2 * BLOCK)
@settings(max_examples=60)
def test_a_flipped_bit_anywhere_is_noticed(house: House, where: float, bit: int, size: int) -> None:
    house.store.put("flipped/a", noise(size))
    damaged = bytearray(house.attic.read("flipped/a"))
    damaged[int(where * len(damaged))] ^= 1 << bit
    house.attic.write("flipped/a", bytes(damaged))
    if size:
        corrupt(lambda: house.store.get("flipped/a"))
        corrupt(lambda: list(house.store.stream("flipped/a")))
    else:
        corrupt(lambda: house.store.size("flipped/a"))


def test_a_range_notices_damage_that_it_touches_and_only_that(house: House) -> None:
    content = noise(4 * BLOCK)
    house.store.put(KEY, content)
    damaged = bytearray(house.attic.read(KEY))
    damaged[BLOCK + 100] ^= 1
    house.attic.write(KEY, bytes(damaged))
    corrupt(lambda: list(house.store.stream(KEY, BLOCK - 1, 2)))
    corrupt(lambda: list(house.store.stream(KEY, 2 * BLOCK - 1)))
    assert b"".join(house.store.stream(KEY, 2 * BLOCK)) == content[2 * BLOCK :]
    assert b"".join(house.store.stream(KEY, 0, BLOCK)) == content[:BLOCK]
    with house.store.open(KEY) as file:
        file.seek(2 * BLOCK)
        assert file.read() == content[2 * BLOCK :]
        file.seek(0)
        corrupt(file.read)


@given(share=st.floats(0, 1, exclude_max=True), size=st.integers(0, 2 * BLOCK))
@example(share=0.0, size=BLOCK)
@settings(max_examples=40)
def test_an_object_that_was_cut_short_is_noticed(house: House, share: float, size: int) -> None:
    house.store.put("cut/a", noise(size))
    whole = house.attic.read("cut/a")
    house.attic.write("cut/a", whole[: int(share * len(whole))])
    corrupt(lambda: house.store.size("cut/a"))
    corrupt(lambda: house.store.get("cut/a"))
    corrupt(lambda: house.store.open("cut/a"))
    assert house.store.exists("cut/a")
    house.store.put("cut/a", b"mended")
    assert house.store.get("cut/a") == b"mended"


def test_an_object_that_lost_bytes_in_its_middle_is_noticed_by_its_size(house: House) -> None:
    house.store.put(KEY, noise(3 * BLOCK))
    whole = house.attic.read(KEY)
    house.attic.write(KEY, whole[:BLOCK] + whole[BLOCK + 1 :])
    corrupt(lambda: house.store.size(KEY))


def test_damage_among_the_checksums_is_noticed_whichever_block_is_read(house: House) -> None:
    house.store.put(KEY, noise(3 * BLOCK))
    damaged = bytearray(house.attic.read(KEY))
    damaged[3 * BLOCK] ^= 1
    house.attic.write(KEY, bytes(damaged))
    corrupt(lambda: list(house.store.stream(KEY, 2 * BLOCK)))


def test_what_was_never_sealed_or_grew_is_noticed(house: House) -> None:
    house.store.put(KEY, b"")
    house.attic.write(KEY, b"a file that somebody else put here" * 3)
    corrupt(lambda: house.store.get(KEY))
    house.store.put(KEY, noise(BLOCK))
    house.attic.write(KEY, house.attic.read(KEY) + b"more")
    corrupt(lambda: house.store.get(KEY))


def test_the_log_names_what_is_damaged_and_the_error_does_not(house: House, logged: Logged) -> None:
    house.store.put(KEY, b"1")
    house.attic.write(KEY, b"2")
    with pytest.raises(StorageFailure) as caught:
        house.store.get(KEY)
    assert KEY not in caught.value.detail
    assert [line["artifact"] for line in logged()] == [KEY]
