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

from services.shared.errors import Conflict, InvalidRequest, NotFound, Unavailable

# A writer that is gone keeps others out for so long; one that lives prolongs it with every piece it gets.
LOCK_MS: Final = 60_000


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
    """

    def __init__(self, connection: redis.Redis, prefix: str, ttl_s: float) -> None:
        self._redis = connection
        self._prefix = prefix
        self._ttl_ms = round(ttl_s * 1000)
        folder = resources.files("services.gateway.uploads") / "scripts"
        self._append = connection.register_script((folder / "append.lua").read_text())
        self._lock = connection.register_script((folder / "lock.lua").read_text())

    def create(self, tenant: str, upload_id: str, size_bytes: int, metadata: str) -> Record:
        """Write a new upload of which nothing has come yet."""
        key = self._key(tenant, upload_id)
        fields: dict[str, str | int] = {"size": size_bytes, "offset": 0, "metadata": metadata}
        with _reaching(), self._redis.pipeline() as pipeline:
            pipeline.hset(key, mapping=fields)  # type: ignore[arg-type]  # redis-py wants exactly its own union
            pipeline.pexpire(key, self._ttl_ms)
            pipeline.execute()
        return Record(tenant, upload_id, size_bytes, 0, metadata, self._in(self._ttl_ms))

    def get(self, tenant: str, upload_id: str) -> Record:
        """Return an upload as it stands.

        Raises:
            NotFound: (upload_not_found) there is none, it expired, or it is another tenant's.
        """
        key = self._key(tenant, upload_id)
        with _reaching(), self._redis.pipeline() as pipeline:
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
        with _reaching():
            free = self._redis.set(key, token, nx=True, px=LOCK_MS)
        if not free:
            detail = "Another request is writing to this upload: ask for its offset again, then go on."
            raise Conflict(detail, code="upload_locked")
        try:
            yield Lock(self.get(tenant, upload_id), token)
        finally:
            with _reaching():
                self._lock(keys=[key], args=[token, 0])

    def prolong(self, lock: Lock) -> None:
        """Hold a lock for longer; one that was lost shows when something is to be stored."""
        with _reaching():
            self._lock(keys=[self._key_of(lock.record, "lock")], args=[lock.token, LOCK_MS])

    def append(self, lock: Lock, offset_bytes: int, parts: Sequence[Part]) -> None:
        """Count parts that were stored, from an offset on.

        Raises:
            NotFound: the upload expired meanwhile.
            Conflict: (upload_locked) the lock was lost, or (offset_mismatch) the upload goes on elsewhere.
        """
        keys = [self._key_of(lock.record, *name) for name in ((), ("parts",), ("lock",))]
        flat = [text for part in parts for text in (part.key, part.size_bytes)]
        with _reaching():
            answer = self._append(keys=keys, args=[lock.token, offset_bytes, self._ttl_ms, *flat])
        match answer:
            case "gone":
                raise gone()
            case "lost":
                raise Conflict("Another request took this upload over.", code="upload_locked")
            case "moved":
                raise mismatch()

    def parts(self, record: Record) -> list[Part]:
        """Return the parts of an upload, in the order of the file."""
        with _reaching():
            found: Any = self._redis.lrange(self._key_of(record, "parts"), 0, -1)
        pairs = (entry.rsplit(" ", 1) for entry in found)
        return [Part(key, int(size)) for key, size in pairs]

    def used(self, record: Record, job_id: str) -> None:
        """Note which job took an upload: its parts are no longer needed, its name stays until it expires."""
        key = self._key_of(record)
        with _reaching(), self._redis.pipeline() as pipeline:
            pipeline.hset(key, "job", job_id)
            pipeline.delete(self._key_of(record, "parts"))
            pipeline.pexpire(key, self._ttl_ms)
            pipeline.execute()

    def forget(self, record: Record) -> None:
        """Delete all that is known of an upload."""
        with _reaching():
            self._redis.delete(self._key_of(record), self._key_of(record, "parts"))

    def needed(self, tenant: str, upload_id: str) -> Sequence[str] | None:
        """Return the keys of an upload's parts; None while somebody writes to it, who may need more."""
        try:
            record = self.get(tenant, upload_id)
        except NotFound:
            return ()
        with _reaching():
            if self._redis.exists(self._key_of(record, "lock")):
                return None
        return [part.key for part in self.parts(record)]

    def _in(self, duration_ms: int) -> datetime:
        return datetime.now(UTC) + timedelta(milliseconds=duration_ms)

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


@contextmanager
def _reaching() -> Iterator[None]:
    """Say Unavailable when Redis cannot be reached."""
    try:
        yield
    except redis.RedisError as error:
        if "OOM" in str(error):
            raise Unavailable("Redis has no memory left: erase old jobs.", code="redis_full") from None
        detail = "Redis cannot be reached; check that it runs, then try again."
        raise Unavailable(detail, code="redis_unavailable") from None


def parse_size(text: str, name: str) -> int:
    """Return a length or an offset that a client wrote.

    Raises:
        InvalidRequest: (invalid_upload_header) it is no number of bytes.
    """
    if not text.isascii() or not text.isdigit() or len(text) > len(str(1 << 62)):
        raise InvalidRequest(f"{name} must be a number of bytes, such as 1024.", code="invalid_upload_header")
    return int(text)
