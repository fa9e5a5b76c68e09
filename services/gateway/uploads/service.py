"""The use cases of resumable uploads: begin, look, add, end, and give a finished one to a job."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from services.gateway.jobs.ids import uuid7_hex
from services.gateway.uploads.receiving import Checksum, Receiving
from services.gateway.uploads.records import Lock, Record, Records, gone, mismatch
from services.shared.artifacts.base import ArtifactStore
from services.shared.errors import Conflict, InvalidMedia, InvalidRequest, StorageFailure, TooLarge

UPLOAD_ID: Final = re.compile(r"upl_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}")
MOST_METADATA_BYTES: Final = 4096
_METADATA_KEY: Final = re.compile(r"[!-+\--~]{1,255}")


class TakenUpload:
    """A finished upload in the hands of a job that is being submitted.

    Attributes:
        size_bytes: Length of the file.
    """

    def __init__(self, lock: Lock, records: Records, artifacts: ArtifactStore) -> None:
        self.size_bytes = lock.record.size_bytes
        self._lock = lock
        self._records = records
        self._artifacts = artifacts

    def head(self, length: int) -> bytes:
        """Return the file's first bytes."""
        found = b""
        for part in self._records.parts(self._lock.record):
            if len(found) >= length:
                break
            found += b"".join(self._artifacts.stream(part.key, 0, length - len(found)))
        return found

    def content(self) -> Iterator[bytes]:
        """Yield the file in pieces of at most 64 KiB."""
        for part in self._records.parts(self._lock.record):
            self._records.prolong(self._lock)
            yield from self._artifacts.stream(part.key)

    def used(self, job_id: str) -> None:
        """Give the upload to a job, which has a copy by now; no other one can have it."""
        self._records.used(self._lock.record, job_id)
        # What stays here, the sweep finds.
        with suppress(StorageFailure):
            self._artifacts.delete_prefix(self._lock.record.prefix)


class Uploads:
    """Resumable uploads without HTTP; another tenant's is NotFound everywhere.

    Args:
        records: What is known of them.
        artifacts: Where their parts are.
        max_bytes: Largest file that is taken.
    """

    def __init__(self, records: Records, artifacts: ArtifactStore, max_bytes: int) -> None:
        self._records = records
        self._artifacts = artifacts
        self.max_bytes = max_bytes

    def create(self, tenant: str, size_bytes: int, metadata: str) -> Record:
        """Begin an upload.

        Args:
            tenant: Whose it is.
            size_bytes: Length of the whole file.
            metadata: Upload-Metadata as the client wrote it; kept, never looked at: no name is a path.

        Raises:
            TooLarge: (file_too_large) the file is over the cap.
            Overloaded: as Records.create.
            InvalidRequest: (invalid_upload_header) the metadata are not what the protocol says.
        """
        if size_bytes > self.max_bytes:
            raise TooLarge(f"A file may have {self.max_bytes} bytes at most.", code="file_too_large")
        _check_metadata(metadata)
        return self._records.create(tenant, f"upl_{uuid7_hex()}", size_bytes, metadata)

    def get(self, tenant: str, upload_id: str) -> Record:
        """Return an upload as it stands.

        Raises:
            NotFound: (upload_not_found) there is none, or it expired.
        """
        if not UPLOAD_ID.fullmatch(upload_id):
            raise gone()
        return self._records.get(tenant, upload_id)

    @contextmanager
    def receiving(
        self, tenant: str, upload_id: str, offset_bytes: int, checksum: Checksum | None
    ) -> Iterator[Receiving]:
        """Take what comes for an upload, alone.

        Raises:
            NotFound: as `get`.
            Conflict: (upload_locked) another request writes to it, or (offset_mismatch) it ends elsewhere.
        """
        self.get(tenant, upload_id)
        with self._records.locked(tenant, upload_id) as lock:
            if lock.record.offset_bytes != offset_bytes:
                raise mismatch()
            receiving = Receiving(lock, self._records, self._artifacts, checksum)
            try:
                yield receiving
            finally:
                receiving.close()

    def delete(self, tenant: str, upload_id: str) -> None:
        """End an upload, and delete what came of it; a job that took it keeps its copy.

        Raises:
            NotFound: as `get`.
            Conflict: (upload_locked) a request writes to it.
        """
        self.get(tenant, upload_id)
        with self._records.locked(tenant, upload_id) as lock:
            self._artifacts.delete_prefix(lock.record.prefix)
            self._records.forget(lock.record)

    @contextmanager
    def taken(self, tenant: str, upload_id: str) -> Iterator[TakenUpload]:
        """Give a finished upload to a job, alone; it stays for another one unless `used` is said.

        Raises:
            NotFound: as `get`.
            Conflict: (upload_locked) a request writes to it, or another job is being made of it,
                (upload_incomplete) the rest is missing, or (upload_used) a job took it.
            InvalidMedia: (empty_file) it is empty.
        """
        self.get(tenant, upload_id)
        with self._records.locked(tenant, upload_id) as lock:
            _check_usable(lock.record)
            yield TakenUpload(lock, self._records, self._artifacts)

    def needed(self, tenant: str, upload_id: str) -> Sequence[str] | None:
        """Return the keys of the artifacts that an upload needs; None when it may need any."""
        return self._records.needed(tenant, upload_id)


def _check_usable(record: Record) -> None:
    if record.job:
        detail = f"The upload is the file of {record.job} already: upload the file again for another job."
        raise Conflict(detail, code="upload_used")
    if not record.complete:
        missing = record.size_bytes - record.offset_bytes
        raise Conflict(f"{missing} bytes of the upload are missing: send them.", code="upload_incomplete")
    if not record.size_bytes:
        raise InvalidMedia("The file is empty: send the recording itself.", code="empty_file")


def _check_metadata(metadata: str) -> None:
    if len(metadata) > MOST_METADATA_BYTES:
        detail = f"Upload-Metadata may have {MOST_METADATA_BYTES} bytes at most."
        raise InvalidRequest(detail, code="invalid_upload_header")
    keys = []
    for pair in metadata.split(",") if metadata else ():
        key, _, value = pair.strip().partition(" ")
        try:
            b64decode(value, validate=True)
        except (Base64Error, ValueError):
            key = ""
        if not _METADATA_KEY.fullmatch(key) or key in keys:
            detail = "Upload-Metadata must be pairs of a name and a Base64 value, such as filename Y2FsbA==."
            raise InvalidRequest(detail, code="invalid_upload_header")
        keys.append(key)
