"""What is known of uploads, in Redis: every gateway can go on with an upload that another one began."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any, Final

import redis

from services.shared.errors import Conflict, InvalidRequest, NotFound, Overloaded
from services.shared.ledger.accounts import TENANTS
from services.shared.redis_errors import reaching

# A writer that is gone keeps others out for so long; one that lives prolongs it with every piece it gets.
LOCK_MS: Final = 60_000
# Of one tenant at a time: each takes some room in Redis, whether anything of it comes or not.
MOST_OPEN: Final = 1_000


@dataclass(frozen=True, slots=True)
class Record:
    """An upload as it stands.

    Attributes:
        tenant: Whose it is.
        id: "upl_" and a UUIDv7 in hex.
        size_bytes: Length of the whole file.
        offset_bytes: How much of it is stored.
        metadata: The client's Upload-Metadata, as it came.
        expires_at: When it is forgotten, unless more of it comes (UTC).
        job: The job that took it; empty before.
    """

    tenant: str
    id: str
    size_bytes: int
    offset_bytes: int
    metadata: str
    expires_at: datetime
    job: str = ""

    @property
    def prefix(self) -> str:
        """Prefix of the keys of all its parts."""
        return f"{self.tenant}/{self.id}/"

    @property
    def entry(self) -> str:
        """Name among its tenant's open uploads."""
        return f"{self.id} {self.size_bytes}"

    @property
    def complete(self) -> bool:
        """Whether all of the file is there."""
        return self.offset_bytes == self.size_bytes


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an upload in the artifact store."""

    key: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Lock:
    """The right to change an upload, for as long as it is prolonged.

    Attributes:
        record: The upload as it stood when the lock was taken: nobody else changes it since.
        token: Shows whose lock it is.
    """

    record: Record
    token: str


class Records:
    """The uploads of an installation.

    Args:
        connection: Redis with decode_responses.
        prefix: Of every key.
        ttl_s: For how long an upload is kept after the last of it came.
        storage_bytes: What the jobs and open uploads of a tenant without a limit of its own may keep; 0 for
            no limit.
    """

    def __init__(self, connection: redis.Redis, prefix: str, ttl_s: float, storage_bytes: int = 0) -> None:
        self._redis = connection
        self._storage_bytes = storage_bytes
        self._prefix = prefix
        self._ttl_ms = round(ttl_s * 1000)
        folder = resources.files("services.gateway.uploads") / "scripts"
        self._create = connection.register_script(TENANTS + (folder / "create.lua").read_text())
        self._append = connection.register_script(TENANTS + (folder / "append.lua").read_text())
        self._lock = connection.register_script((folder / "lock.lua").read_text())

    def create(self, tenant: str, upload_id: str, size_bytes: int, metadata: str) -> Record:
        """Write a new upload of which nothing has come yet; all of it counts as stored from now on.

        Raises:
            Overloaded: (too_many_uploads) the tenant has as many open ones as it may, or
                (storage_quota_exceeded) they and its jobs would keep more than they may.
        """
        record = Record(tenant, upload_id, size_bytes, 0, metadata, self._in(self._ttl_ms))
        keys = [self._prefix, self._key_of(record), self._open_of(tenant)]
        limits = (MOST_OPEN, self._storage_bytes)
        with reaching:
            answer = self._create(
                keys=keys, args=[tenant, record.entry, size_bytes, metadata, self._ttl_ms, *limits]
            )
        match answer:
            case "many":
                detail = f"{MOST_OPEN} of your uploads are open: make jobs of them, or end them."
                raise Overloaded(detail, code="too_many_uploads")
            case "storage_full":
                detail = "Your jobs and open uploads keep as much as they may: erase or end old ones."
                raise Overloaded(detail, code="storage_quota_exceeded")
        return record

    def get(self, tenant: str, upload_id: str) -> Record:
        """Return an upload as it stands.

        Raises:
            NotFound: (upload_not_found) there is none, it expired, or it is another tenant's.
        """
        key = self._key(tenant, upload_id)
        with reaching, self._redis.pipeline() as pipeline:
            pipeline.hgetall(key)
            pipeline.pttl(key)
            fields, ttl_ms = pipeline.execute()
        if "size" not in fields:
            raise gone()
        return Record(
            tenant=tenant,
            id=upload_id,
            size_bytes=int(fields["size"]),
            offset_bytes=int(fields["offset"]),
            metadata=fields["metadata"],
            expires_at=self._in(ttl_ms),
            job=fields.get("job", ""),
        )

    @contextmanager
    def locked(self, tenant: str, upload_id: str) -> Iterator[Lock]:
        """Keep others from changing an upload.

        Raises:
            NotFound: as `get`.
            Conflict: (upload_locked) somebody else is changing it.
        """
        key, token = self._key(tenant, upload_id, "lock"), secrets.token_hex(8)
        self.get(tenant, upload_id)
        with reaching:
            free = self._redis.set(key, token, nx=True, px=LOCK_MS)
        if not free:
            detail = "Another request is writing to this upload: ask for its offset again, then go on."
            raise Conflict(detail, code="upload_locked")
        try:
            yield Lock(self.get(tenant, upload_id), token)
        finally:
            with reaching:
                self._lock(keys=[key], args=[token, 0])

    def prolong(self, lock: Lock) -> None:
        """Hold a lock for longer; one that was lost shows when something is to be stored."""
        with reaching:
            self._lock(keys=[self._key_of(lock.record, "lock")], args=[lock.token, LOCK_MS])

    def append(self, lock: Lock, offset_bytes: int, parts: Sequence[Part]) -> None:
        """Count parts that were stored, from an offset on.

        Raises:
            NotFound: the upload expired meanwhile.
            Conflict: (upload_locked) the lock was lost, or (offset_mismatch) the upload goes on elsewhere.
        """
        names: tuple[tuple[str, ...], ...] = ((), ("parts",), ("lock",))
        keys = [self._key_of(lock.record, *name) for name in names]
        flat = [text for part in parts for text in (part.key, part.size_bytes)]
        with reaching:
            answer = self._append(
                keys=[self._prefix, *keys, self._open_of(lock.record.tenant)],
                args=[lock.token, offset_bytes, self._ttl_ms, lock.record.entry, *flat],
            )
        match answer:
            case "gone":
                raise gone()
            case "lost":
                raise Conflict("Another request took this upload over.", code="upload_locked")
            case "moved":
                raise mismatch()

    def parts(self, record: Record) -> list[Part]:
        """Return the parts of an upload, in the order of the file."""
        with reaching:
            found: Any = self._redis.lrange(self._key_of(record, "parts"), 0, -1)
        pairs = (entry.rsplit(" ", 1) for entry in found)
        return [Part(key, int(size)) for key, size in pairs]

    def used(self, record: Record, job_id: str) -> None:
        """Note which job took an upload: its parts are no longer needed, its name stays until it expires."""
        key = self._key_of(record)
        with reaching, self._redis.pipeline() as pipeline:
            # What the client called its file goes too: the job may be erased before the name expires.
            pipeline.hset(key, mapping={"job": job_id, "metadata": ""})
            pipeline.delete(self._key_of(record, "parts"))
            pipeline.zrem(self._open_of(record.tenant), record.entry)
            pipeline.pexpire(key, self._ttl_ms)
            pipeline.execute()

    def forget(self, record: Record) -> None:
        """Delete all that is known of an upload."""
        with reaching, self._redis.pipeline() as pipeline:
            pipeline.delete(self._key_of(record), self._key_of(record, "parts"))
            pipeline.zrem(self._open_of(record.tenant), record.entry)
            pipeline.execute()

    def needed(self, tenant: str, upload_id: str) -> Sequence[str] | None:
        """Return the keys of an upload's parts; None while somebody writes to it, who may need more."""
        try:
            record = self.get(tenant, upload_id)
        except NotFound:
            return ()
        with reaching:
            if self._redis.exists(self._key_of(record, "lock")):
                return None
        return [part.key for part in self.parts(record)]

    def _in(self, duration_ms: int) -> datetime:
        return datetime.now(UTC) + timedelta(milliseconds=duration_ms)

    def _open_of(self, tenant: str) -> str:
        return f"{self._prefix}uploads:{tenant}"

    def _key_of(self, record: Record, *parts: str) -> str:
        return self._key(record.tenant, record.id, *parts)

    def _key(self, tenant: str, upload_id: str, *parts: str) -> str:
        return self._prefix + ":".join(("upload", tenant, upload_id, *parts))


def gone() -> NotFound:
    """Return the error of an upload that is not there."""
    return NotFound("There is no such upload, or it expired: begin a new one.", code="upload_not_found")


def mismatch() -> Conflict:
    """Return the error of a piece that does not begin where the upload ends."""
    detail = "The upload goes on at another offset: ask for it with HEAD, then send the rest from there."
    return Conflict(detail, code="offset_mismatch")


def parse_size(text: str, name: str) -> int:
    """Return a length or an offset that a client wrote.

    Raises:
        InvalidRequest: (invalid_upload_header) it is no number of bytes.
    """
    if not text.isascii() or not text.isdigit() or len(text) > len(str(1 << 62)):
        raise InvalidRequest(f"{name} must be a number of bytes, such as 1024.", code="invalid_upload_header")
    return int(text)
