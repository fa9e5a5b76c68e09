"""Which submissions are taken: those that repeat an earlier one, and those for which there is room."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import BinaryIO, Final

from services.gateway.jobs.ports import Backlog, Idempotency
from services.gateway.jobs.spec import JobSpec
from services.shared.errors import InvalidRequest, Overloaded

_KEY: Final = re.compile(r"[ -~]{1,255}")
_CHUNK_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Repeatable:
    """How a client says that it may send the same submission more than once.

    Attributes:
        key: Its own name for the submission: 1 to 255 printable ASCII characters.
        sdk_retries: How often an SDK that names no key has sent this one before; None when it does not say.

    Raises:
        InvalidRequest: (code invalid_idempotency_key) the key is empty, too long, or not printable ASCII.
    """

    key: str | None = None
    sdk_retries: int | None = None

    def __post_init__(self) -> None:
        """Refuse what is no key."""
        if self.key is not None and not _KEY.fullmatch(self.key):
            detail = "Idempotency-Key must be 1 to 255 printable ASCII characters, such as a random UUID."
            raise InvalidRequest(detail, code="invalid_idempotency_key")

    @property
    def first(self) -> bool:
        """Whether this is known to be no repetition, without a look at what is sent."""
        return self.key is None and not self.sdk_retries

    def idempotency(self, wanted: JobSpec, file: BinaryIO | None) -> Idempotency | None:
        """Return what makes a repetition the same job; None when the client cannot repeat safely.

        An SDK's submission is named by its content. The first time it is sent it is a new job, however often
        the same was asked for before.
        """
        if self.key is not None:
            return Idempotency(self.key, fingerprint(wanted, file))
        if self.sdk_retries is None:
            return None
        content = fingerprint(wanted, file)
        return Idempotency(f"sdk:{content}", content, fresh=self.sdk_retries == 0)


def fingerprint(wanted: JobSpec, file: BinaryIO | None) -> str:
    """Return a digest over all that was sent; the spec's formatting and order of fields do not matter.

    Args:
        wanted: The spec; what the client left out stays out, so that a new default changes no digest.
        file: Read whole, and left at its start.
    """
    spec = json.dumps(wanted.model_dump(mode="json", exclude_unset=True), sort_keys=True)
    # Digests of fixed length side by side: no spec and file read like another pair.
    parts = hashlib.sha256(spec.encode()).digest()
    if file is not None:
        parts += _digest(file)
    return hashlib.sha256(parts).hexdigest()


def _digest(file: BinaryIO) -> bytes:
    digest = hashlib.sha256()
    file.seek(0)
    for chunk in iter(lambda: file.read(_CHUNK_BYTES), b""):
        digest.update(chunk)
    file.seek(0)
    return digest.digest()


def check_fingerprint(idempotency: Idempotency, kept: str) -> None:
    """Check that what is sent under a key is what was sent before.

    Raises:
        InvalidRequest: (code idempotency_key_reused) it is something else.
    """
    if idempotency.fingerprint != kept:
        detail = "This Idempotency-Key was used for another spec or file: send a new one with every new job."
        raise InvalidRequest(detail, code="idempotency_key_reused")


def check_backlog(backlog: Backlog, jobs: int, jobs_of_tenant: int) -> None:
    """Check that there is room for one more unfinished job.

    Raises:
        Overloaded: (codes backlog_full, tenant_backlog_full) there is none.
    """
    if jobs >= backlog.jobs:
        detail = f"{jobs} jobs are unfinished and no more are taken: send this one again later."
        raise Overloaded(detail, code="backlog_full")
    if jobs_of_tenant >= backlog.jobs_per_tenant:
        detail = f"{jobs_of_tenant} of your jobs are unfinished and no more are taken: wait for some to end."
        raise Overloaded(detail, code="tenant_backlog_full")
