"""Glossaries in Redis: a hash for each tenant, with a field for each of its glossaries."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import redis

from services.gateway.glossaries.model import Glossary
from services.shared.errors import Conflict
from services.shared.redis_errors import reaching

_FIELDS: Final = ("name", "terms", "version")
_TIMES: Final = ("created_at", "updated_at")
MOST_GLOSSARIES: Final = 100
# Redis is everybody's, and in memory.
MOST_BYTES: Final = 16 * 1024**2
# Only over what was read, nothing for a new one: of two changes at once, one is made of the other.
_WRITE: Final = """
local id, before, after, most, most_bytes = unpack(ARGV)
if (redis.call('HGET', KEYS[1], id) or '') ~= before then return 'changed' end
local ids, bytes = redis.call('HKEYS', KEYS[1]), #after - #before
for _, each in ipairs(ids) do bytes = bytes + redis.call('HSTRLEN', KEYS[1], each) end
if before == '' and #ids >= tonumber(most) or bytes > tonumber(most_bytes) then return 'full' end
redis.call('HSET', KEYS[1], id, after)
return 'written'
"""


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
        self._script = connection.register_script(_WRITE)

    @reaching
    def create(self, glossary: Glossary) -> None:
        """Keep a new glossary.

        Raises:
            Conflict: (code too_many_glossaries) its tenant has as many, or as much, as one may have.
        """
        self._write(glossary, before="")

    @reaching
    def change(
        self, glossary: Glossary, name: str, terms: Sequence[dict[str, Any]], now: datetime
    ) -> Glossary | None:
        """Give a glossary another name and other terms, in its next version; None when it is gone.

        Raises:
            Conflict: as `create`.
        """
        key = self._key(glossary.tenant)
        while True:
            text: Any = self._redis.hget(key, glossary.id)
            if text is None:
                return None
            version = _read(glossary.tenant, glossary.id, text).version + 1
            new = replace(glossary, name=name, terms=terms, version=version, updated_at=now)
            if self._write(new, before=text):
                return new

    @reaching
    def get(self, tenant: str, glossary_id: str) -> Glossary | None:
        """Return a tenant's glossary; None when there is none."""
        text: Any = self._redis.hget(self._key(tenant), glossary_id)
        return None if text is None else _read(tenant, glossary_id, text)

    @reaching
    def list(self, tenant: str, limit: int, before: str | None) -> Sequence[Glossary]:
        """Return at most `limit` glossaries, newest first, those only whose ids sort before `before`."""
        ids: Any = self._redis.hkeys(self._key(tenant))
        page = sorted((each for each in ids if before is None or each < before), reverse=True)[:limit]
        texts: Any = self._redis.hmget(self._key(tenant), page) if page else []
        return [_read(tenant, each, text) for each, text in zip(page, texts, strict=True) if text]

    @reaching
    def delete(self, tenant: str, glossary_id: str) -> bool:
        """Forget a glossary; False when there is none."""
        return bool(self._redis.hdel(self._key(tenant), glossary_id))

    def _write(self, glossary: Glossary, before: str) -> bool:
        arguments: list[str | int] = [glossary.id, before, _written(glossary), MOST_GLOSSARIES, MOST_BYTES]
        answer = self._script(keys=[self._key(glossary.tenant)], args=arguments)
        if answer == "full":
            detail = f"A tenant has {MOST_GLOSSARIES} glossaries of {MOST_BYTES} bytes in all: delete some."
            raise Conflict(detail, code="too_many_glossaries")
        return bool(answer == "written")

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
