"""Builds the images as deploy/docker/build does, on machines with and without an image registry."""

from __future__ import annotations

import ast
import os
import shutil
import ssl
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import certifi

from tests.architecture.tree import ROOT
from tests.containers.engine import Engine
from tests.support.absent import absent

VERSION: Final = "under-test"
NAMES: Final = ("light", "models", "redis", "asr", "translation", "tts", "codec")
# In every secret that a build is given; it must be found in no image.
CANARY: Final = "dragoman-canary-5b1f0c"

_LOCAL_BASE: Final = "dragoman-test-base:bookworm"
_PULL_S: Final = 120
_BUILD_S: Final = 1500
# What of pip's settings a container can use; paths of this machine mean nothing there.
_PIP_KEYS: Final = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries")


@dataclass(frozen=True, slots=True)
class Secrets:
    """What this machine needs to reach its package registries, as files.

    Attributes:
        ca: Certificates.
        pip: pip's settings.
    """

    ca: Path
    pip: Path

    @property
    def environment(self) -> dict[str, str]:
        """The variables that deploy/docker/build and docker-compose.yml read."""
        return {"DRAGOMAN_CA_FILE": str(self.ca), "DRAGOMAN_PIP_CONF": str(self.pip)}


def secrets(folder: Path) -> Secrets:
    """Write the secrets, each with the canary; containers must be able to read them."""
    found = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile or certifi.where()
    ca, pip = folder / "ca.crt", folder / "pip.conf"
    ca.write_text(f"# {CANARY}\n{Path(found).read_text()}")
    pip.write_text(f"# {CANARY}\n[global]\n{_pip_settings()}")
    for file in (ca, pip):
        file.chmod(0o644)
    return Secrets(ca, pip)


def build(engine: Engine, given: Secrets) -> None:
    """Build every image."""
    environment = engine.environment | given.environment
    environment |= {"DOCKER": engine.docker, "DRAGOMAN_VERSION": VERSION, "DRAGOMAN_BUILD_NETWORK": "host"}
    environment |= _base(engine)
    command = (str(ROOT / "deploy/docker/build"), *NAMES)
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=_BUILD_S, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


def tag(name: str) -> str:
    """Return the full name of an image."""
    return f"dragoman:{VERSION}" if name == "light" else f"dragoman-{name}:{VERSION}"


def _pip_settings() -> str:
    command = (sys.executable, "-m", "pip", "config", "list")
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    pairs = (line.split("=", 1) for line in listed.splitlines() if "=" in line)
    settings = {key.rpartition(".")[2]: str(ast.literal_eval(value)) for key, value in pairs}
    return "".join(
        f"{key} = {value.replace(chr(10), chr(10) + '  ')}\n"
        for key, value in settings.items()
        if key in _PIP_KEYS
    )


def _base(engine: Engine) -> dict[str, str]:
    """Return the build's BASE: the pinned image where a registry is reached, else one made here."""
    dockerfile = (ROOT / "deploy/docker/Dockerfile").read_text()
    pinned = next(line for line in dockerfile.splitlines() if line.startswith("ARG DEBIAN=")).partition("=")[
        2
    ]
    if _pulled(engine, pinned):
        return {}
    if engine.attempt("image", "inspect", _LOCAL_BASE).returncode:
        _make_base(engine)
    return {"BASE": _LOCAL_BASE}


def _pulled(engine: Engine, image: str) -> bool:
    if engine.attempt("image", "inspect", image).returncode == 0:
        return True
    try:
        return engine.attempt("pull", "--quiet", image, most_s=_PULL_S).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _make_base(engine: Engine) -> None:
    """Make debian:bookworm-slim's like from Debian's packages."""
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        absent("a base image: no image registry is reached, and debootstrap needs root and to be installed")
    with tempfile.TemporaryDirectory(prefix="dragoman-base-") as folder:
        root, archive = Path(folder, "root"), Path(folder, "base.tar")
        made = subprocess.run(
            ("debootstrap", "--variant=minbase", "bookworm", str(root), *_mirror()),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert made.returncode == 0, made.stdout[-2000:]
        for left in ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale"):
            shutil.rmtree(root / left)
            (root / left).mkdir()
        with tarfile.open(archive, "w") as tar:
            tar.add(root, arcname=".")
        engine.run("import", str(archive), _LOCAL_BASE)


def _mirror() -> tuple[str, ...]:
    """Return where this machine has Debian's packages from; nothing when it is no Debian of this release."""
    command = ("apt-get", "indextargets", "--format", "$(REPO_URI)", "Codename: bookworm")
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    return tuple(uri for uri in listed if uri.rstrip("/").endswith("/debian"))[:1]
