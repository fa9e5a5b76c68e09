"""Where a model lies: in the catalogue, in a folder, or pulled from a hub; and what its weights hash to."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import pytest

from services.shared.errors import Misconfigured
from services.shared.models import manifest, places


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def model_in(folder: Path, **files: bytes) -> Path:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_bytes(content)
    return folder


def refusal(models_dir: Path, name: str) -> Misconfigured:
    with pytest.raises(Misconfigured) as caught:
        places.find(models_dir, name)
    return caught.value


@pytest.mark.parametrize(
    "weights", ["model_bin", "model_safetensors", "voice_onnx", "model_pth", "source_spm"]
)
def test_a_local_folder_is_known_by_the_hash_of_its_weights(
    models_dir: Path, tmp_path: Path, weights: str
) -> None:
    folder = model_in(tmp_path / "mine", **{weights: b"weights", "config_json": b"{}"})
    place = places.find(models_dir, str(folder))
    assert place.folder == folder
    assert (place.model.name, place.model.sha256) == ("mine", sha256(b"weights"))
    assert place.model.revision == sha256(b"weights")[:12]
    assert place.model.size_bytes == len(b"weights")


def test_several_files_have_the_hash_of_their_hashes_in_the_order_of_their_names(
    models_dir: Path, tmp_path: Path
) -> None:
    folder = model_in(tmp_path / "mine", b_bin=b"second", a_bin=b"first")
    together = sha256(f"{sha256(b'first')}\n{sha256(b'second')}".encode())
    assert places.find(models_dir, str(folder)).model.sha256 == together


@pytest.mark.parametrize("path", ["./mine", "mine/../mine", "."])
def test_a_folder_may_be_named_from_here(
    models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    folder = model_in(tmp_path / "mine", model_bin=b"weights")
    monkeypatch.chdir(folder if path == "." else tmp_path)
    given = path if path.startswith(".") else f"./{path}"
    place = places.find(models_dir, given)
    assert (place.folder, place.model.name) == (folder, "mine")


def test_a_hubs_model_is_where_it_was_pulled_to(models_dir: Path) -> None:
    folder = model_in(models_dir / "hub" / "owner" / "name", model_safetensors=b"weights")
    place = places.find(models_dir, "owner/name")
    assert (place.folder, place.model.name) == (folder, "owner/name")


def test_what_is_missing_says_how_it_gets_here(models_dir: Path, tmp_path: Path) -> None:
    missing = refusal(models_dir, "owner/name")
    assert missing.code == "model_missing"
    assert "dragoman models pull owner/name" in missing.detail
    assert refusal(models_dir, str(tmp_path / "nowhere")).code == "model_missing"
    listed = next(iter(manifest.load().models))
    assert "dragoman models pull" in refusal(models_dir, listed).detail
    assert refusal(models_dir, "no-such-model").code == "unknown_model"


def test_a_folder_without_weights_is_no_model(models_dir: Path, tmp_path: Path) -> None:
    folder = model_in(tmp_path / "mine", config_json=b"{}")
    assert refusal(models_dir, str(folder)).code == "model_missing"


@pytest.mark.parametrize("name", ["owner/..", "owner/../../elsewhere", "owner/name/more", "-x/name"])
def test_no_name_leads_out_of_the_hubs_folder(models_dir: Path, tmp_path: Path, name: str) -> None:
    model_in(tmp_path / "elsewhere", model_bin=b"weights")
    assert refusal(models_dir, name).code == "unknown_model"


def test_weights_are_read_again_only_when_they_changed(
    models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def counted(path: Path) -> str:
        read.append(path.name)
        return sha256(path.read_bytes())

    monkeypatch.setattr(places, "sha256_of", counted)
    folder = model_in(tmp_path / "mine", a_bin=b"first", b_bin=b"second")
    before = places.find(models_dir, str(folder)).model
    assert places.find(models_dir, str(folder)).model == before
    assert read == ["a.bin", "b.bin"]
    (folder / "b.bin").write_bytes(b"another")
    os.utime(folder / "b.bin", ns=(1, 1))
    assert places.find(models_dir, str(folder)).model.sha256 != before.sha256
    assert read == ["a.bin", "b.bin", "b.bin"]
    assert re.fullmatch(r"\.hashes\.json", ",".join(path.name for path in models_dir.iterdir()))


def test_a_models_folder_that_cannot_be_written_or_is_not_there_is_no_obstacle(tmp_path: Path) -> None:
    folder = model_in(tmp_path / "mine", model_bin=b"weights")
    assert places.find(tmp_path / "nowhere", str(folder)).model.sha256 == sha256(b"weights")
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / ".hashes.json").mkdir()
    assert places.find(blocked, str(folder)).model.sha256 == sha256(b"weights")


def test_notes_that_cannot_be_read_are_made_anew(models_dir: Path, tmp_path: Path) -> None:
    folder = model_in(tmp_path / "mine", model_bin=b"weights")
    (models_dir / ".hashes.json").write_text("[1, 2")
    assert places.find(models_dir, str(folder)).model.sha256 == sha256(b"weights")
    assert places.find(models_dir, str(folder)).model.sha256 == sha256(b"weights")
