"""Ends the build of an image's packages: removes what only installing needed, and lists what is left.

    python finish.py PACKAGE...

The list is a CycloneDX document of the Python packages and of the distribution's packages (Debian or Ubuntu).
"""

# ruff: noqa: INP001 - a script of the build, not a module
from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

_PYTHON: Final = "/opt/dragoman/bin/python"
_GENERATOR: Final = "/opt/sbom/bin/cyclonedx-py"
# The package database of the image as it will be, without what the build itself installs.
_DPKG: Final = "/opt/dpkg"
_OUT: Final = Path("/opt/sbom.json")


def output(*command: str) -> str:
    """Return what a command prints; raises CalledProcessError when it fails."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603 (our own)


def python_packages() -> dict[str, Any]:
    """Return the CycloneDX document of what is installed for Python, with the project as its subject."""
    generate = (_GENERATOR, "environment", "--pyproject", "pyproject.toml", "--output-reproducible", _PYTHON)
    document: dict[str, Any] = json.loads(output(*generate))
    return document


def system_packages() -> list[dict[str, str]]:
    """Return the distribution's packages as CycloneDX components."""
    distribution = platform.freedesktop_os_release()["ID"]
    form = "${Package}\t${Version}\t${Architecture}\n"
    listed = output("dpkg-query", f"--admindir={_DPKG}", "-Wf", form)
    return [_component(distribution, *line.split("\t")) for line in listed.splitlines()]


def _component(distribution: str, name: str, version: str, architecture: str) -> dict[str, str]:
    purl = f"pkg:deb/{distribution}/{quote(name)}@{quote(version)}?arch={architecture}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def main(unwanted: list[str]) -> None:
    """Remove packages and write the list."""
    output(_PYTHON, "-m", "pip", "uninstall", "--yes", *(sorted(unwanted, key="pip".__eq__)))
    document = python_packages()
    document["components"] += system_packages()
    _OUT.write_text(json.dumps(document, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
