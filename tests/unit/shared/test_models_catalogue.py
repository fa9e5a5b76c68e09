"""The catalogue: names to folders, and nothing damaged gets through."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.shared.config import Settings
from services.shared.errors import Misconfigured
from services.shared.models.catalogue import STAMP, Catalogue, sha256_of
from services.shared.models.manifest import load
from tests.unit.shared.models_registry import VOICES, WEIGHTS, manifest, sha256


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    for path, data in {
        "weights/model.bin": WEIGHTS,
        **{f"choir/voices/{n}": d for n, d in VOICES.items()},
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    return Catalogue(tmp_path, manifest(b"w", b"v"))


def flip_a_bit(path: Path, *, keep_time: bool = False) -> None:
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    times = (before.st_atime_ns, before.st_mtime_ns + (0 if keep_time else 1))
    os.utime(path, ns=times)


def test_a_sound_model_resolves_to_its_folder(catalogue: Catalogue, tmp_path: Path) -> None:
    assert catalogue.folder("choir") == tmp_path / "choir"
    assert catalogue.missing("tiny") == []


def test_a_missing_model_says_which_command_brings_it(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="dragoman models pull lite") as caught:
        Catalogue(tmp_path).folder("kokoro-82m-int8")
    assert caught.value.code == "model_missing"


def test_every_model_of_an_empty_folder_is_missing(tmp_path: Path) -> None:
    assert Catalogue(tmp_path).missing("lite") == list(load().members_of("lite"))


def test_one_missing_file_makes_the_model_missing(catalogue: Catalogue, tmp_path: Path) -> None:
    (tmp_path / "choir/voices/anna.bin").unlink()
    assert catalogue.missing("tiny") == ["choir"]


def test_a_flipped_bit_makes_the_model_damaged(catalogue: Catalogue, tmp_path: Path) -> None:
    flip_a_bit(tmp_path / "weights/model.bin")
    with pytest.raises(Misconfigured, match=r"model\.bin") as caught:
        catalogue.folder("weights")
    assert caught.value.code == "model_damaged"


def test_damage_after_the_first_check_is_seen(catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.folder("weights")
    flip_a_bit(tmp_path / "weights/model.bin")
    assert catalogue.missing("tiny") == ["weights"]


def test_unchanged_files_are_not_read_again_unless_asked(catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.verify("weights")
    flip_a_bit(tmp_path / "weights/model.bin", keep_time=True)
    catalogue.verify("weights")
    with pytest.raises(Misconfigured):
        catalogue.verify("weights", rehash=True)


def test_a_new_hash_in_the_manifest_makes_the_old_stamp_worthless(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    catalogue.verify("choir")
    newer = manifest(b"w", b"v")
    choir = newer.models["choir"]
    changed = choir.files[0].model_copy(update={"sha256": "0" * 64})
    models = newer.models | {"choir": choir.model_copy(update={"files": (changed, *choir.files[1:])})}
    with pytest.raises(Misconfigured):
        Catalogue(tmp_path, newer.model_copy(update={"models": models})).verify("choir")


@pytest.mark.parametrize("stamp", [b"", b"not json", b"\xff\xfe", b"[]"])
def test_a_broken_stamp_is_only_a_reason_to_read_again(
    catalogue: Catalogue, tmp_path: Path, stamp: bytes
) -> None:
    (tmp_path / "weights" / STAMP).write_bytes(stamp)
    assert catalogue.folder("weights").is_dir()


def test_a_folder_where_no_stamp_can_be_written_still_serves(catalogue: Catalogue, tmp_path: Path) -> None:
    (tmp_path / "weights" / STAMP).mkdir()
    assert catalogue.folder("weights").is_dir()


def test_the_revision_needs_no_files(tmp_path: Path) -> None:
    assert Catalogue(tmp_path, manifest(b"w", b"v")).revision("weights") == sha256(WEIGHTS)[:12]


def test_the_licences_of_a_set_are_told(catalogue: Catalogue) -> None:
    assert catalogue.licences("tiny") == {"weights": "CC0-1.0", "choir": "CC0-1.0"}


@pytest.mark.models
@pytest.mark.parametrize("name", load().members_of("lite"))
def test_every_installed_file_has_the_hash_that_the_manifest_names(name: str) -> None:
    folder = Settings().models_dir / name
    assert {f.path: sha256_of(folder / f.path) for f in load().model(name).files} == {
        f.path: f.sha256 for f in load().model(name).files
    }
