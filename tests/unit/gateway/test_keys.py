"""The administrator's API key."""

from __future__ import annotations

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.access.admin_key import ensure_admin_key, is_well_formed, new_key
from services.gateway.access.keys import Keys
from services.shared.errors import Misconfigured, Unauthorized


def test_a_key_is_long_random_and_checked() -> None:
    keys = {new_key() for _ in range(50)}
    assert len(keys) == 50
    assert all(key.startswith("dgm_") and len(key) == 4 + 43 + 6 and is_well_formed(key) for key in keys)


@given(st.integers(0, 52), st.characters(codec="ascii"))
def test_a_mistyped_key_is_noticed(place: int, character: str) -> None:
    key = new_key()
    mistyped = key[:place] + character + key[place + 1 :]
    assert is_well_formed(mistyped) == (mistyped == key)


def test_the_first_start_makes_a_key_that_only_the_owner_reads(tmp_path: Path) -> None:
    file = tmp_path / "home" / "admin.key"
    key = ensure_admin_key(file)
    assert file.read_text() == key + "\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert ensure_admin_key(file) == key
    assert [path.name for path in file.parent.iterdir()] == ["admin.key"]


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        first = one.submit(ensure_admin_key, tmp_path / "admin.key").result()
        second = other.submit(ensure_admin_key, tmp_path / "admin.key").result()
    assert first == second


@pytest.mark.parametrize("content", ["", "dgm_short", "\xff"])
def test_a_file_without_a_key_is_the_operators_to_mend(tmp_path: Path, content: str) -> None:
    file = tmp_path / "admin.key"
    file.write_text(content, encoding="latin-1")
    with pytest.raises(Misconfigured, match="delete it"):
        ensure_admin_key(file)


async def test_only_the_right_key_belongs_to_a_tenant() -> None:
    key = new_key()
    assert (await Keys(key).caller(key)).tenant == "default"
    for wrong, code in ((None, "missing_key"), ("", "missing_key"), (new_key(), "invalid_key")):
        with pytest.raises(Unauthorized) as caught:
            await Keys(key).caller(wrong)
        assert caught.value.code == code
        assert key not in caught.value.detail


def test_an_operator_can_make_a_key_for_a_secret() -> None:
    command = [sys.executable, "-P", "-m", "services.gateway.access.admin_key"]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert is_well_formed(made.strip())
