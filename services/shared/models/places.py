"""Where a model lies on this machine: in the catalogue, in a folder of its own, or pulled from a hub."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.shared.engines import Model
from services.shared.errors import Misconfigured
from services.shared.models.catalogue import Catalogue, sha256_of

# Beside the models of the catalogue, in folders owner/name.
HUB: Final = "hub"
# What weights are called, whatever made them.
_WEIGHTS: Final = (".bin", ".safetensors", ".onnx", ".pth", ".pt", ".th", ".spm", ".npz")
HUB_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_HASHES: Final = ".hashes.json"


@dataclass(frozen=True, slots=True)
class Place:
    """A model's folder, and what lies in it."""

    folder: Path
    model: Model


def find(models_dir: Path, name: str) -> Place:
    """Return where a model lies; nothing is downloaded.

    Args:
        models_dir: Of the settings.
        name: Of the manifest; a path, with a slash at its beginning or a dot; or owner/name of a hub's model.

    Raises:
        Misconfigured: unknown_model, model_missing or model_damaged.
    """
    if name.startswith(("/", ".", "~")):
        folder = Path(name).expanduser().resolve()
        return _folder(folder, folder.name, models_dir, "Give a folder that is there.")
    if "/" in name:
        if not HUB_NAME.fullmatch(name):
            raise Misconfigured("A model of a hub is called owner/name.", code="unknown_model")
        return _folder(models_dir / HUB / name, name, models_dir, f"Run `dragoman models pull {name}`.")
    catalogue = Catalogue(models_dir)
    folder = catalogue.folder(name)
    return Place(folder, catalogue.model(name))


def _folder(folder: Path, name: str, models_dir: Path, remedy: str) -> Place:
    if not folder.is_dir():
        raise Misconfigured(f"The model {name} is not here. {remedy}", code="model_missing")
    weights = sorted(each for each in folder.rglob("*") if each.is_file() and each.suffix in _WEIGHTS)
    if not weights:
        raise Misconfigured(f"The folder of {name} holds no weights. {remedy}", code="model_missing")
    sha256 = _digest(_hashes(weights, models_dir))
    return Place(folder, Model(name, sha256[:12], sha256, sum(each.stat().st_size for each in weights)))


def _digest(hashes: Iterator[str]) -> str:
    """Return the only hash, or that of all, a line each."""
    found = list(hashes)
    return found[0] if len(found) == 1 else hashlib.sha256("\n".join(found).encode()).hexdigest()


def _hashes(weights: list[Path], models_dir: Path) -> Iterator[str]:
    """Yield each file's sha256; what has not changed since it was last read is not read again."""
    stamps = models_dir / _HASHES
    known = _known(stamps)
    before = dict(known)
    for path in weights:
        stat = path.stat()
        key = f"{path.resolve()}:{stat.st_size}:{stat.st_mtime_ns}"
        if key not in known:
            known[key] = sha256_of(path)
        yield known[key]
    if known != before:
        fresh = stamps.with_name(f"{_HASHES}.{os.getpid()}")
        with contextlib.suppress(OSError):  # a read-only folder of models is hashed at each start
            here = {key: sha256 for key, sha256 in known.items() if Path(key.rsplit(":", 2)[0]).exists()}
            fresh.write_text(json.dumps(here), encoding="utf-8")
            fresh.replace(stamps)


def _known(stamps: Path) -> dict[str, str]:
    try:
        return dict(json.loads(stamps.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}
