"""The manifest that ships, and what a manifest may not say."""

from __future__ import annotations

import re

import pytest
from pydantic import ValidationError

from services.shared.errors import Misconfigured
from services.shared.models.manifest import MANIFEST, File, Manifest, load
from tests.unit.shared.models_registry import file, manifest, model

TINY = manifest(b"w", b"v")


def test_the_lite_set_covers_the_three_model_stages() -> None:
    models = [load().model(name) for name in load().members_of("lite")]
    assert {model.stage for model in models} == {"asr", "translation", "tts"}


def test_every_model_names_a_licence_that_allows_commercial_use() -> None:
    assert {model.licence for model in load().models.values()} <= {"MIT", "Apache-2.0", "MPL-2.0", "CC0-1.0"}


def test_every_archive_is_used_by_some_model() -> None:
    used = {name for model in load().models.values() for name in model.archives()}
    assert used == load().archives.keys()


def test_no_registry_address_stands_in_the_manifest() -> None:
    assert not re.search(r"https?://|pythonhosted|npmjs|pypi\.org", MANIFEST.read_text(encoding="utf-8"))


def test_the_revision_is_the_head_of_the_weights_hash() -> None:
    weights = next(file for file in load().model("whisper-base-int8").files if file.path == "model.bin")
    assert load().model("whisper-base-int8").revision == weights.sha256[:12]


def test_an_unknown_model_is_answered_with_the_known_ones() -> None:
    with pytest.raises(Misconfigured, match="choir, weights") as caught:
        TINY.model("flute")
    assert caught.value.code == "unknown_model"


def test_an_unknown_set_is_answered_with_the_known_ones() -> None:
    with pytest.raises(Misconfigured, match="tiny") as caught:
        TINY.members_of("huge")
    assert caught.value.code == "unknown_model_set"


@pytest.mark.parametrize("path", ["../evil", "/etc/passwd", "a/../../b", "a\\b", "a//b", "./a", ""])
def test_a_file_cannot_lie_outside_its_models_folder(path: str) -> None:
    with pytest.raises(ValidationError):
        File(path=path, sha256="0" * 64, size_bytes=1, parts=("weights:x",))


@pytest.mark.parametrize("name", ["../evil", ".hidden", "a/b", ""])
def test_a_model_cannot_be_named_like_a_path(name: str) -> None:
    with pytest.raises(ValidationError):
        Manifest(sets={}, archives=TINY.archives, models={name: TINY.model("choir")})


def test_a_set_of_undescribed_models_is_refused() -> None:
    with pytest.raises(ValidationError, match="flute"):
        Manifest(sets={"tiny": ("flute",)}, archives=TINY.archives, models=TINY.models)


def test_a_model_made_of_undescribed_archives_is_refused() -> None:
    with pytest.raises(ValidationError, match="weights"):
        Manifest(sets={}, archives={}, models={"weights": TINY.model("weights")})


def test_a_model_without_its_weights_is_refused() -> None:
    odd = model("model.bin", file("other.bin", b"", "weights:x"))
    with pytest.raises(ValidationError, match="no weights"):
        Manifest(sets={}, archives=TINY.archives, models={"odd": odd})


def test_the_hint_names_the_set_that_has_the_model() -> None:
    assert TINY.set_of("choir") == "tiny"
