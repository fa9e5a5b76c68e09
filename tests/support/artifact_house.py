"""Artifact stores with a back door, through which a test sees and damages what lies there."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import obstore

from services.shared.artifacts.s3 import S3Blobs
from services.shared.artifacts.sealed import Artifacts
from services.shared.artifacts.store import open_store
from services.shared.config import Settings
from tests.support import s3_server

BLOCK = 64 * 1024
MIB = 1024 * 1024


class Attic(Protocol):
    """Where a store keeps its objects, by the back door."""

    def read(self, key: str) -> bytes: ...

    def write(self, key: str, data: bytes) -> None: ...


@dataclass(frozen=True)
class Folder:
    """The back door to a local store."""

    objects: Path

    def read(self, key: str) -> bytes:
        return (self.objects / key).read_bytes()

    def write(self, key: str, data: bytes) -> None:
        (self.objects / key).write_bytes(data)


@dataclass(frozen=True)
class Bucket:
    """The back door to a bucket."""

    blobs: S3Blobs

    def read(self, key: str) -> bytes:
        return bytes(obstore.get(self.blobs._store, key).bytes())

    def write(self, key: str, data: bytes) -> None:
        obstore.put(self.blobs._store, key, data)


@dataclass(frozen=True)
class House:
    """A store, and its back door."""

    store: Artifacts
    attic: Attic


KINDS = ("local", "s3")


@contextmanager
def opened(kind: str, folder: Path) -> Iterator[House]:
    """Open an empty store of one of the KINDS."""
    if kind == "local":
        chosen = Settings(home=folder)
        yield House(open_store(chosen), Folder(chosen.artifacts_dir / "objects"))
        return
    with s3_server.running() as address:
        chosen = s3_server.settings(address, "folder/below")
        yield House(open_store(chosen), Bucket(S3Blobs(chosen)))


def noise(size: int) -> bytes:
    """Return bytes of which no two blocks are alike."""
    return random.Random(size).randbytes(size)  # noqa: S311 - guards nothing
