"""Pulling from a hub: a real HTTP server that speaks the hub's API, breaks off, refuses and lies."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from services.shared.errors import DragomanError, Misconfigured, NotFound, Unauthorized, Unavailable
from services.shared.models import hub, places
from services.shared.models.pull import Silent
from services.shared.models.settings import HubSettings
from tests.unit.shared.models_registry import Registry, served, sha256

NAME = "kind-people/tiny-model"
FIRST, SECOND = "a" * 40, "b" * 40
WEIGHTS = bytes(range(256)) * 800
FILES = {
    "config.json": b'{"layers": 1}',
    "model.safetensors": WEIGHTS,
    "nested/vocab file.txt": b"one\ntwo\n",
    "empty.txt": b"",
    "README.md": b"# A model",
    ".gitattributes": b"*.bin",
    "pytorch_model.bin": b"the same weights once more",
    "tf_model.h5": b"and once more",
}
WANTED = ("config.json", "empty.txt", "model.safetensors", "nested/vocab file.txt")


@dataclass
class Hub:
    """A hub of one model, whose files are told and served by revision."""

    registry: Registry
    large: set[str] = field(default_factory=lambda: {"model.safetensors", "pytorch_model.bin"})

    def tell(self, revision: str, files: dict[str, bytes], branch: str = "main") -> None:
        listing = {"sha": revision, "siblings": [self._sibling(*each) for each in files.items()]}
        for name in (branch, revision):
            path = f"/api/models/{NAME}/revision/{name}?blobs=true"
            self.registry.files[path] = json.dumps(listing).encode()
        for name, content in files.items():
            self.registry.files[self.path(revision, name)] = content

    def path(self, revision: str, name: str) -> str:
        return f"/{NAME}/resolve/{revision}/{name.replace(' ', '%20')}"

    def _sibling(self, name: str, content: bytes) -> dict[str, Any]:
        git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
        sibling = {"rfilename": name, "size": len(content), "blobId": git.hexdigest()}
        if name in self.large:
            sibling["lfs"] = {"sha256": sha256(content), "size": len(content), "pointerSize": 134}
        return sibling


@pytest.fixture
def house() -> Iterator[Hub]:
    with served(Registry()) as registry:
        made = Hub(registry)
        made.tell(FIRST, FILES)
        yield made


@pytest.fixture
def settings(house: Hub, tmp_path: Path) -> HubSettings:
    return HubSettings(hub_url=house.registry.url, models_dir=tmp_path / "models")


def pull(settings: HubSettings, wanted: str = NAME) -> hub.HubModel | None:
    return hub.pull_model(wanted, settings, Silent())


def refusal(kind: type[DragomanError], settings: HubSettings, wanted: str = NAME) -> str:
    with pytest.raises(kind) as caught:
        pull(settings, wanted)
    assert not (settings.models_dir / "hub" / NAME).exists()
    return caught.value.code


def test_a_model_comes_whole_without_what_nothing_here_reads(settings: HubSettings) -> None:
    pulled = pull(settings)
    folder = settings.models_dir / "hub" / NAME
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == {*WANTED, hub.ORIGIN}
    assert all((folder / name).read_bytes() == FILES[name] for name in WANTED)
    assert pulled == hub.HubModel(NAME, FIRST, sum(len(FILES[name]) for name in WANTED))
    assert list(hub.here(settings.models_dir)) == [pulled]
    assert [path.name for path in (settings.models_dir / "hub").iterdir()] == ["kind-people"]


def test_engines_find_what_was_pulled_and_its_hash(settings: HubSettings) -> None:
    pull(settings)
    place = places.find(settings.models_dir, NAME)
    assert place.folder == settings.models_dir / "hub" / NAME
    assert (place.model.name, place.model.sha256) == (NAME, sha256(WEIGHTS))


def test_what_is_here_is_not_pulled_again(settings: HubSettings, house: Hub) -> None:
    pull(settings)
    house.registry.requests.clear()
    assert pull(settings) is None
    assert len(house.registry.requests) == 1, "the question which revision it is"


def test_another_revision_takes_the_place_of_the_first(settings: HubSettings, house: Hub) -> None:
    pull(settings)
    house.tell(SECOND, {"model.safetensors": b"better weights"})
    assert pull(settings, f"{NAME}@{FIRST}") is None
    second = pull(settings)
    assert second is not None
    assert second.revision == SECOND
    folder = settings.models_dir / "hub" / NAME
    assert sorted(path.name for path in folder.iterdir()) == [hub.ORIGIN, "model.safetensors"]
    assert places.find(settings.models_dir, NAME).model.sha256 == sha256(b"better weights")


def test_a_branch_or_revision_can_be_named(settings: HubSettings, house: Hub) -> None:
    house.tell(SECOND, {"model.safetensors": b"older"}, branch="v1")
    pulled = pull(settings, f"{NAME}@v1")
    assert pulled is not None
    assert pulled.revision == SECOND


def test_a_pull_that_broke_off_goes_on_where_it_stopped(settings: HubSettings, house: Hub) -> None:
    path = house.path(FIRST, "model.safetensors")
    house.registry.cuts[path] = [100_000]
    house.registry.statuses[path] = [200, 404]
    assert refusal(NotFound, settings) == "download_missing"
    pull(settings)
    assert house.registry.ranges(path)[-1] == "bytes=100000-"
    small = house.path(FIRST, "config.json")
    assert len(house.registry.ranges(small)) == 1, "what was whole was brought again"


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_with_another_hash_than_the_hub_told_is_never_put_in_place(
    settings: HubSettings, house: Hub, name: str
) -> None:
    told = FILES[name]
    house.registry.files[house.path(FIRST, name)] = told[:-1] + b"!"
    assert refusal(Misconfigured, settings) == "wrong_hash"
    house.registry.files[house.path(FIRST, name)] = told
    assert pull(settings) is not None


def test_an_unknown_model_is_told_from_one_that_is_refused(settings: HubSettings, house: Hub) -> None:
    assert refusal(NotFound, settings, "kind-people/another") == "unknown_hub_model"
    house.registry.statuses[f"/api/models/{NAME}/revision/main?blobs=true"] = [401, 500]
    assert refusal(Unauthorized, settings) == "hub_refused"
    assert refusal(Unavailable, settings) == "hub_unavailable"


def test_without_an_address_nobody_is_asked(tmp_path: Path) -> None:
    assert refusal(Misconfigured, HubSettings(models_dir=tmp_path)) == "no_hub"


def test_a_hub_that_is_away_is_told_without_its_address(settings: HubSettings) -> None:
    away = settings.model_copy(update={"hub_url": "http://127.0.0.1:9"})
    assert refusal(Unavailable, away) == "hub_unavailable"


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"[]",
        json.dumps(
            {"sha": FIRST, "siblings": [{"rfilename": "../up", "size": 1, "blobId": "0" * 40}]}
        ).encode(),
    ],
)
def test_what_does_not_speak_the_api_or_leads_out_of_the_folder_is_refused(
    settings: HubSettings, house: Hub, answer: bytes
) -> None:
    house.registry.files[f"/api/models/{NAME}/revision/main?blobs=true"] = answer
    assert refusal(Misconfigured, settings) == "hub_answer"


def test_the_token_goes_with_every_request(settings: HubSettings, house: Hub) -> None:
    house.registry.bearer = "secret"
    assert refusal(Unauthorized, settings) == "hub_refused"
    told = settings.model_copy(update={"hub_token": SecretStr("secret")})
    assert pull(told) is not None


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("owner/name", True),
        ("Owner-1/na.me_2@v1.0", True),
        ("owner/name@refs/pr/3", True),
        ("lite", False),
        ("../name", False),
        ("owner/..", False),
        ("owner/name/more", False),
        ("owner/name@", True),
        ("owner/name@-x", False),
        ("/abs/path", False),
    ],
)
def test_a_hub_name_is_told_from_a_set(text: str, is_one: bool) -> None:
    assert hub.is_hub_name(text) is is_one
