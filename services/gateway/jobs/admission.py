"""Which submissions are taken: those that repeat an earlier one, and those for which there is room."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import BinaryIO, Final

from services.gateway.jobs.ports import Backlog, Idempotency, Quotas
from services.gateway.jobs.spec import JobSpec
from services.shared.errors import InvalidRequest, Overloaded

_KEY: Final = re.compile(r"[ -~]{1,255}")
_CHUNK_BYTES: Final = 1024 * 1024
_REFUSALS: Final = {
    "full": ("backlog_full", "Too many jobs are unfinished, and no more are taken: try again later."),
    "tenant_full": ("tenant_backlog_full", "Too many of your jobs are unfinished: wait for some to end."),
    "storage_full": ("storage_quota_exceeded", "Your jobs keep as much as they may: erase old ones."),
    "audio_full": (
        "audio_quota_exceeded",
        "Your audio of this month is used up: wait for the next one (UTC).",
    ),
}


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


def refusal(answer: str) -> Overloaded:
    """Return the error for a submission that a store does not take.

    Args:
        answer: "full", "tenant_full", "storage_full" or "audio_full".
    """
    code, detail = _REFUSALS[answer]
    return Overloaded(detail, code=code)


def check_backlog(backlog: Backlog, jobs: int, jobs_of_tenant: int) -> None:
    """Check that there is room for one more unfinished job.

    Raises:
        Overloaded: (codes backlog_full, tenant_backlog_full) there is none.
    """
    if jobs >= backlog.jobs:
        raise refusal("full")
    if backlog.jobs_per_tenant and jobs_of_tenant >= backlog.jobs_per_tenant:
        raise refusal("tenant_full")


def check_quotas(quotas: Quotas, stored_bytes: int, audio_ms: int, more_bytes: int = 1) -> None:
    """Check that a tenant has something left of what it may use.

    Args:
        quotas: What it may use.
        stored_bytes: What its jobs keep.
        audio_ms: Its audio of this month.
        more_bytes: What is to be kept now.

    Raises:
        Overloaded: (codes storage_quota_exceeded, audio_quota_exceeded) it has nothing left.
    """
    if quotas.storage_bytes and stored_bytes + max(1, more_bytes) > quotas.storage_bytes:
        raise refusal("storage_full")
    if quotas.audio_minutes_per_month and audio_ms >= quotas.audio_minutes_per_month * 60_000:
        raise refusal("audio_full")
