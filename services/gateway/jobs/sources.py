"""Where a job's file comes from: sent along, uploaded before, or to be fetched from a URL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, Protocol
from urllib.parse import urlsplit

from services.gateway.jobs import spec
from services.shared.errors import InvalidMedia, InvalidRequest, NotFound

_CHUNK_BYTES: Final = 64 * 1024


class Source(Protocol):
    """A job's file, not yet kept as such."""

    @property
    def size_bytes(self) -> int:
        """Its length."""
        ...

    def head(self, length: int) -> bytes:
        """Return its first bytes."""
        ...

    def content(self) -> Iterator[bytes]:
        """Yield its bytes in pieces, from the start."""
        ...

    def used(self, job_id: str) -> None:
        """Hear that a job has a copy of it."""
        ...


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with the submission.

    Attributes:
        file: Its bytes; read from the start, more than once.
        size_bytes: Its length.
    """

    file: BinaryIO
    size_bytes: int

    def head(self, length: int) -> bytes:
        """Return its first bytes."""
        self.file.seek(0)
        return self.file.read(length)

    def content(self) -> Iterator[bytes]:
        """Yield its bytes in pieces, from the start."""
        self.file.seek(0)
        yield from iter(lambda: self.file.read(_CHUNK_BYTES), b"")

    def used(self, job_id: str) -> None:
        """Do nothing: it is gone with the request."""


class UploadedFiles(Protocol):
    """The finished resumable uploads."""

    def taken(self, tenant: str, upload_id: str) -> AbstractContextManager[Source]:
        """Give an upload to a job, alone; it stays for another one unless `used` is said.

        Raises:
            NotFound: (upload_not_found) there is none, or it is another tenant's.
            Conflict: (codes upload_locked, upload_incomplete, upload_used) it cannot be had, now or ever.
        """
        ...

    def needed(self, tenant: str, upload_id: str) -> Sequence[str] | None:
        """Return the keys of the artifacts that an upload needs; None when it may need any."""
        ...


class NoUploads:
    """Nobody uploads."""

    def taken(self, tenant: str, upload_id: str) -> AbstractContextManager[Source]:
        """Raise NotFound."""
        del tenant, upload_id
        raise NotFound("There is no such upload.", code="upload_not_found")

    def needed(self, tenant: str, upload_id: str) -> Sequence[str] | None:
        """Return nothing."""
        del tenant, upload_id
        return ()


class SourceUrls(Protocol):
    """Says which URLs a job may name."""

    def check(self, url: str) -> None:
        """Check a URL without asking anybody.

        Raises:
            InvalidRequest: (codes source_url_disabled, url_not_allowed) it may not be named.
        """
        ...


class NoUrls:
    """No URL is fetched."""

    def check(self, url: str) -> None:
        """Raise InvalidRequest."""
        del url
        raise disabled()


def disabled() -> InvalidRequest:
    """Return the error of an installation that fetches nothing."""
    detail = "This installation fetches no files: upload the file, or have DRAGOMAN_FETCH_ALLOWED_HOSTS set."
    return InvalidRequest(detail, code="source_url_disabled")


def check(wanted: spec.JobSpec, upload: Upload | None) -> None:
    """Check that a job has exactly the one file that its kind takes.

    Raises:
        InvalidRequest: (codes missing_file, unexpected_file, several_files) it has not.
        InvalidMedia: (empty_file) the file is empty.
    """
    if not isinstance(wanted, spec.FileSpec):
        if upload is not None:
            raise InvalidRequest(f"A {wanted.kind} job takes no file.", code="unexpected_file")
        return
    count = sum(each is not None for each in (upload, wanted.upload_id, wanted.source_url))
    if not count:
        raise InvalidRequest(
            f"A {wanted.kind} job needs a file: send multipart/form-data with the parts file and spec, or "
            "name an upload_id or a source_url in the spec.",
            code="missing_file",
        )
    if count > 1:
        detail = "Send one of these and no more: the part file, upload_id, source_url."
        raise InvalidRequest(detail, code="several_files")
    if upload is not None and upload.size_bytes == 0:
        raise InvalidMedia("The file is empty: send the recording itself.", code="empty_file")


def shown(source: dict[str, Any]) -> str:
    """Return the part of a fetched file's URL that is no secret: scheme and host; empty without a URL."""
    if "url" not in source:
        return ""
    parts = urlsplit(source["url"])
    return f"{parts.scheme}://{parts.hostname}"
