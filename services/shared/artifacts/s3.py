"""Artifacts in a bucket of Amazon S3, or of any store that speaks S3, such as MinIO or Ceph."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import (
    BaseError,
    GenericError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from services.shared.artifacts.base import Stored
from services.shared.config import Settings
from services.shared.errors import Misconfigured, NotFound, StorageFailure

if TYPE_CHECKING:
    # Its stubs alone hold these.
    from obstore import GetOptions
    from obstore.store import S3Config

_PART_BYTES: Final = 8 * 1024 * 1024
_PARTS_AT_ONCE: Final = 2
_RETRIES: Final = 5
_RETRY_FOR: Final = timedelta(seconds=60)
# What S3 itself, MinIO and Ceph say when there is no room.
_FULL: Final = ("507 Insufficient Storage", "XMinioStorageFull", "QuotaExceeded")
_NO_BUCKET: Final = "NoSuchBucket"


class S3Blobs:
    """Blobs as objects of a bucket; services.shared.artifacts.base.Blobs says what it promises.

    Args:
        settings: artifacts_url names the bucket; without keys, those of the environment or machine are used.

    Raises:
        Misconfigured: only one of the two keys is set.
    """

    def __init__(self, settings: Settings) -> None:
        url = urlsplit(settings.artifacts_url or "")
        self._store = S3Store(
            url.netloc,
            prefix=url.path.strip("/") or None,
            config=_config(settings),
            client_options={"allow_http": (settings.s3_endpoint or "").startswith("http:")},
            retry_config={"max_retries": _RETRIES, "retry_timeout": _RETRY_FOR},
        )

    def write(self, key: str, parts: Iterator[bytes]) -> None:
        """Send a small blob in one request, a large one in parts that appear together at the end."""
        # The parts are taken here, and not by obstore: a source that reads from a bucket itself would panic.
        writer = obstore.open_writer(
            self._store, key, buffer_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE
        )
        with _failures(), writer as file:
            for part in parts:
                file.write(part)

    def open(self, key: str, tail_bytes: int) -> OpenObject:
        """Fetch the end of an object; all of it, if it is no longer than that."""
        with _failures(key):
            return OpenObject(self._store, key, tail_bytes)

    def exists(self, key: str) -> bool:
        """Say whether there is such an object."""
        try:
            with _failures(key):
                obstore.head(self._store, key)
        except NotFound:
            return False
        return True

    def list(self, prefix: str) -> Iterator[Stored]:
        """Yield the objects below a folder."""
        with _failures():
            for batch in obstore.list(self._store, prefix=prefix or None, chunk_size=1000):
                for found in batch:
                    yield Stored(found["path"], found["size"], found["last_modified"])

    def delete_prefix(self, prefix: str) -> int:
        """Delete an object, and every object below it."""
        keys = [each.key for each in self.list(prefix)]
        if self.exists(prefix):
            keys.append(prefix)
        with _failures():
            obstore.delete(self._store, keys)
        return len(keys)

    def tidy(self, before: datetime) -> int:
        """Do nothing: a lifecycle rule of the bucket ends uploads of killed writers (README)."""
        del before
        return 0


class OpenObject:
    """One version of an object; its end was fetched when it was opened.

    Args:
        store: The bucket.
        key: Its name.
        tail_bytes: How much of its end to fetch.
    """

    window_bytes: Final = 4 * 1024 * 1024

    def __init__(self, store: S3Store, key: str, tail_bytes: int) -> None:
        self._store = store
        self._key = key
        try:
            got = obstore.get(store, key, options={"range": {"suffix": tail_bytes}})
        except GenericError:
            # S3 knows no end of an empty object, which only damage makes.
            if obstore.head(store, key)["size"]:
                raise
            self.size_bytes, self._tail = 0, b""
            return
        self.size_bytes = got.meta["size"]
        self._version = got.meta["e_tag"]
        self._tail = bytes(got.bytes())

    def read(self, start: int, length: int) -> bytes:
        """Return that part of it, without a request if it lies in the end that was fetched."""
        length = min(length, self.size_bytes - start)
        held_from = self.size_bytes - len(self._tail)
        if start >= held_from:
            return self._tail[start - held_from :][: max(0, length)]
        with _failures(self._key):
            options: GetOptions = {"range": (start, start + length), "if_match": self._version}
            return bytes(obstore.get(self._store, self._key, options=options).bytes())

    def close(self) -> None:
        """Do nothing: each request stands for itself."""


def _config(settings: Settings) -> S3Config:
    key, secret = settings.s3_access_key_id, settings.s3_secret_access_key
    if (key is None) != (secret is None):
        raise Misconfigured(
            "Set both DRAGOMAN_S3_ACCESS_KEY_ID and DRAGOMAN_S3_SECRET_ACCESS_KEY, or neither of them."
        )
    config: S3Config = {"region": settings.s3_region}
    if settings.s3_endpoint is not None:
        config["endpoint"] = settings.s3_endpoint
    if key is not None and secret is not None:
        config["access_key_id"] = key
        config["secret_access_key"] = secret.get_secret_value()
    return config


@contextmanager
def _failures(key: str | None = None) -> Iterator[None]:
    """Translate what the bucket says; what is missing is NotFound only for a reader, who names the key."""
    try:
        yield
    except (BaseError, OSError) as error:
        if key is not None and isinstance(error, FileNotFoundError) and _NO_BUCKET not in str(error):
            raise NotFound(f"There is no artifact {key}.", code="artifact_not_found") from None
        # The cause quotes addresses and replies at length.
        raise _failure(error) from None


def _failure(error: Exception) -> StorageFailure:
    if any(sign in str(error) for sign in _FULL):
        return StorageFailure(
            "Free space in the artifact bucket (or raise its quota); the job goes on by itself.",
            code="storage_full",
        )
    if isinstance(error, FileNotFoundError) or _NO_BUCKET in str(error):
        return StorageFailure("The artifact bucket is not there: create it, or correct its name.")
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return StorageFailure("The artifact bucket refused the S3 keys: correct them or their rights.")
    if isinstance(error, PreconditionError):
        return StorageFailure("The artifact was replaced while it was read: read it again.")
    return StorageFailure("The S3 store failed or cannot be reached: see to it, then try again.")
