"""The keys of all tenants, in Redis: their digests and what they are for, never the keys themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any, Final

import redis
from redis.commands.core import Script

from services.gateway.access.admin_key import new_key
from services.gateway.access.model import Key, Scope
from services.gateway.jobs.ids import uuid7_hex
from services.shared.errors import NotFound
from services.shared.ledger.accounts import TENANTS
from services.shared.redis_errors import reaching

# Between two notes of a key's use: each is a write.
_NOTED_MS: Final = 300_000


def script(connection: redis.Redis, name: str) -> Script:
    """Return one of the scripts of this package."""
    text = (resources.files("services.gateway.access") / "scripts" / f"{name}.lua").read_text()
    return connection.register_script(TENANTS + text)


def digest_of(key: str) -> str:
    """Return what is kept in place of a key: its SHA-256 in hex. A key is too random to be found from it."""
    return hashlib.sha256(key.encode()).hexdigest()


class Register:
    """The keys of an installation but for the administrator's. Every method may be called from any thread.

    Each raises Unavailable (codes redis_unavailable, redis_full) when Redis cannot be reached, or is full.

    Args:
        connection: Redis with decode_responses.
        prefix: Of every key in it.
    """

    def __init__(self, connection: redis.Redis, prefix: str) -> None:
        self._redis = connection
        self._prefix = prefix
        self._find = script(connection, "find")
        self._revoke = script(connection, "revoke")

    def find(self, digest: str) -> tuple[Key, timedelta | None] | None:
        """Return the key with a digest, if it is good, and for how long it still is; None is for ever."""
        with reaching:
            fields, left_ms = self._run(self._find, digest, _NOTED_MS)
        if not left_ms:
            return None
        return _key(_mapping(fields)), None if left_ms < 0 else timedelta(milliseconds=left_ms)

    def add(self, wanted: Key) -> tuple[Key, str]:
        """Make a key like `wanted`, with an id of its own; return it and, this once, the key itself."""
        secret, made = new_key(), replace(wanted, id=f"key_{uuid7_hex()}")
        digest = digest_of(secret)
        with reaching, self._redis.pipeline() as pipeline:
            pipeline.hset(self._key(f"key:{digest}"), mapping=_fields(made))
            pipeline.hset(self._key("keys"), made.id, digest)
            pipeline.sadd(self._key("tenants"), made.tenant)
            pipeline.execute()
        return made, secret

    def get(self, key_id: str) -> Key:
        """Return a key.

        Raises:
            NotFound: (code key_not_found) there is none of that id.
        """
        with reaching:
            fields: Any = self._redis.hgetall(self._key(f"key:{self._digest(key_id)}"))
        return _key(fields)

    def list(self, tenant: str | None = None) -> list[Key]:
        """Return the keys, of one tenant if given, the oldest first; those that ended are among them."""
        with reaching:
            digests: Any = self._redis.hgetall(self._key("keys"))
            with self._redis.pipeline(transaction=False) as pipeline:
                for _, digest in sorted(digests.items()):
                    pipeline.hgetall(self._key(f"key:{digest}"))
                found = [_key(fields) for fields in pipeline.execute() if fields]
        return [key for key in found if tenant in (None, key.tenant)]

    def revoke(self, key_id: str) -> Key:
        """End a key for good; again is no error.

        Raises:
            NotFound: (code key_not_found) there is none of that id.
        """
        with reaching:
            return _key(_mapping(self._run(self._revoke, self._digest(key_id))))

    def _digest(self, key_id: str) -> str:
        digest = self._redis.hget(self._key("keys"), key_id)
        if digest is None:
            raise NotFound("There is no such key.", code="key_not_found")
        return str(digest)

    def _run(self, script: Script, *arguments: str | int) -> Any:
        return script(keys=[self._prefix], args=arguments)

    def _key(self, name: str) -> str:
        return self._prefix + name


def _fields(key: Key) -> dict[Any, Any]:
    fields: dict[Any, Any] = {
        "id": key.id,
        "tenant": key.tenant,
        "name": key.name,
        "scopes": " ".join(sorted(key.scopes)),
        "created_ms": _ms(key.created_at),
    }
    return fields if key.expires_at is None else fields | {"expires_ms": _ms(key.expires_at)}


def _key(fields: Mapping[str, str]) -> Key:
    return Key(
        id=fields["id"],
        tenant=fields["tenant"],
        name=fields["name"],
        # What a later version knows more of, this one does not.
        scopes=frozenset(scope for scope in Scope if scope in fields["scopes"].split()),
        created_at=_time(fields["created_ms"]),
        expires_at=_time(fields["expires_ms"]) if "expires_ms" in fields else None,
        revoked_at=_time(fields["revoked_ms"]) if "revoked_ms" in fields else None,
        last_used_at=_time(fields["used_ms"]) if "used_ms" in fields else None,
    )


def _mapping(flat: list[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def _time(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
