"""The catalogue resolves a model's name to its folder on this machine, checked against the manifest."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path

from services.shared.engines import Model
from services.shared.errors import Misconfigured
from services.shared.models.manifest import Manifest, load

STAMP = ".verified"


class Catalogue:
    """The models under one folder, each in a folder of its own name."""

    def __init__(self, models_dir: Path, manifest: Manifest | None = None) -> None:
        self._models_dir = models_dir
        self._manifest = manifest or load()

    def folder(self, name: str) -> Path:
        """Return the folder of a model whose every file is there and has the right hash.

        Raises:
            Misconfigured: unknown_model, model_missing or model_damaged.
        """
        self.verify(name)
        return self._models_dir / name

    def revision(self, name: str) -> str:
        """Return the first 12 hex digits of the sha256 of the model's weights."""
        return self._manifest.model(name).revision

    def model(self, name: str) -> Model:
        """Return what a model's answers say of it."""
        known = self._manifest.model(name)
        return Model(name, known.revision, known.sha256, known.size_bytes)

    def missing(self, set_name: str) -> list[str]:
        """Return the models of a set that are not here, or are damaged."""
        return [name for name in self._manifest.members_of(set_name) if not self._sound(name)]

    def licences(self, set_name: str) -> dict[str, str]:
        """Return the SPDX licence of each model of a set."""
        return {name: self._manifest.model(name).licence for name in self._manifest.members_of(set_name)}

    def verify(self, name: str, *, rehash: bool = False) -> None:
        """Check every file's sha256.

        Files that have not changed (size and modification time) since the last check are not read
        again, so that a start-up does not hash hundreds of megabytes; `rehash` reads them anyway.

        Raises:
            Misconfigured: unknown_model, model_missing or model_damaged.
        """
        folder, model = self._models_dir / name, self._manifest.model(name)
        pull = f"Run `dragoman models pull {self._manifest.set_of(name)}`."
        try:
            seen = {file.path: _fingerprint(folder / file.path, file.sha256) for file in model.files}
        except OSError:
            raise Misconfigured(f"The model {name} is not installed. {pull}", code="model_missing") from None
        if not rehash and _read(folder / STAMP) == seen:
            return
        for file in model.files:
            if seen[file.path][0] != file.size_bytes or sha256_of(folder / file.path) != file.sha256:
                raise Misconfigured(
                    f"{file.path} of the model {name} is damaged. {pull}", code="model_damaged"
                )
        _write(folder / STAMP, seen)

    def _sound(self, name: str) -> bool:
        try:
            self.verify(name)
        except Misconfigured:
            return False
        return True


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fingerprint(path: Path, sha256: str) -> list[object]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, sha256]


def _read(stamp: Path) -> object:
    try:
        return json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _write(stamp: Path, seen: dict[str, list[object]]) -> None:
    fresh = stamp.with_name(f"{STAMP}.{os.getpid()}")
    with contextlib.suppress(OSError):  # a read-only image of models is hashed at each start
        fresh.write_text(json.dumps(seen), encoding="utf-8")
        fresh.replace(stamp)
