"""Glossaries in Redis: a hash for each tenant, with a field for each of its glossaries."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

import redis

from services.gateway.glossaries.model import Glossary
from services.shared.errors import Unavailable

P = ParamSpec("P")
R = TypeVar("R")
_FIELDS: Final = ("name", "terms", "version")
_TIMES: Final = ("created_at", "updated_at")
_CREATE: Final = """
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
return redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
"""
# Only over what was read: of two changes at once, one is made of the other.
_SWAP: Final = """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
"""


def _reaching(method: Callable[P, R]) -> Callable[P, R]:
    """Say Unavailable when Redis cannot be reached, or has no room."""

    @wraps(method)
    def reach(*arguments: P.args, **options: P.kwargs) -> R:
        try:
            return method(*arguments, **options)
        except redis.RedisError as error:
            if "OOM" in str(error):
                detail = "Redis has no memory left for this; raise its maxmemory, or erase old jobs."
                raise Unavailable(detail, code="redis_full") from None
            detail = "Redis cannot be reached; check that it runs, then try again."
            raise Unavailable(detail, code="redis_unavailable") from None

    return reach


class GlossaryStore:
    """The glossaries of an installation. Every method may be called from any thread.

    Args:
        connection: Redis with decode_responses.
        prefix: Of every key.

    Raises:
        Unavailable: (codes redis_unavailable, redis_full) from every method, when Redis is away or full.
    """

    def __init__(self, connection: redis.Redis, prefix: str) -> None:
        self._redis = connection
        self._prefix = prefix
        self._create = connection.register_script(_CREATE)
        self._swap = connection.register_script(_SWAP)

    @_reaching
    def create(self, glossary: Glossary, most: int) -> bool:
        """Keep a new glossary; False when its tenant has `most`."""
        keys = [self._key(glossary.tenant)]
        return bool(self._create(keys=keys, args=[most, glossary.id, _written(glossary)]))

    @_reaching
    def change(
        self, glossary: Glossary, name: str, terms: Sequence[dict[str, Any]], now: datetime
    ) -> Glossary | None:
        """Give a glossary another name and other terms, in its next version; None when it is gone."""
        key = self._key(glossary.tenant)
        while True:
            text: Any = self._redis.hget(key, glossary.id)
            if text is None:
                return None
            version = _read(glossary.tenant, glossary.id, text).version + 1
            new = replace(glossary, name=name, terms=terms, version=version, updated_at=now)
            if self._swap(keys=[key], args=[glossary.id, text, _written(new)]):
                return new

    @_reaching
    def get(self, tenant: str, glossary_id: str) -> Glossary | None:
        """Return a tenant's glossary; None when there is none."""
        text: Any = self._redis.hget(self._key(tenant), glossary_id)
        return None if text is None else _read(tenant, glossary_id, text)

    @_reaching
    def list(self, tenant: str, limit: int, before: str | None) -> Sequence[Glossary]:
        """Return at most `limit` glossaries, newest first, those only whose ids sort before `before`."""
        ids: Any = self._redis.hkeys(self._key(tenant))
        page = sorted((each for each in ids if before is None or each < before), reverse=True)[:limit]
        texts: Any = self._redis.hmget(self._key(tenant), page) if page else []
        return [_read(tenant, each, text) for each, text in zip(page, texts, strict=True) if text]

    @_reaching
    def delete(self, tenant: str, glossary_id: str) -> bool:
        """Forget a glossary; False when there is none."""
        return bool(self._redis.hdel(self._key(tenant), glossary_id))

    def _key(self, tenant: str) -> str:
        return f"{self._prefix}glossaries:{tenant}"


def _written(glossary: Glossary) -> str:
    said: dict[str, Any] = {name: getattr(glossary, name) for name in _FIELDS}
    return json.dumps(
        said | {name: getattr(glossary, name).isoformat() for name in _TIMES}, ensure_ascii=False
    )


def _read(tenant: str, glossary_id: str, text: str) -> Glossary:
    said: dict[str, Any] = json.loads(text)
    times = {name: datetime.fromisoformat(said[name]) for name in _TIMES}
    return Glossary(**{"id": glossary_id, "tenant": tenant} | said | times)
