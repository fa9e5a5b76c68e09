"""Links to one job for those who cannot send a key, such as a browser's EventSource or its audio element."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, Final

import redis

from services.gateway.access.register import digest_of
from services.shared.redis_errors import reaching

_PREFIX: Final = "lnk_"
_RANDOM_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Link:
    """What a token opens.

    Attributes:
        job: The one job that may be read with it.
        key_digest: Of the key that it was made with: the link ends with it.
    """

    job: str
    key_digest: str


class Links:
    """The links of an installation. Every method may be called from any thread.

    Each raises Unavailable (codes redis_unavailable, redis_full) when Redis cannot be reached, or is full.

    Args:
        connection: Redis with decode_responses.
        prefix: Of every key in it.
    """

    def __init__(self, connection: redis.Redis, prefix: str) -> None:
        self._redis = connection
        self._prefix = prefix

    def make(self, link: Link, ttl_s: int) -> str:
        """Keep a link for `ttl_s` seconds and return, this once, its token of 256 random bits."""
        token = _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
        name = self._name(token)
        with reaching, self._redis.pipeline() as pipeline:
            pipeline.hset(name, mapping={"job": link.job, "key": link.key_digest})
            pipeline.expire(name, ttl_s)
            pipeline.execute()
        return token

    def find(self, token: str) -> Link | None:
        """Return what a token opens; None when it is wrong, or its time is over."""
        with reaching:
            kept: Any = self._redis.hgetall(self._name(token))
        return Link(kept["job"], kept["key"]) if kept else None

    def _name(self, token: str) -> str:
        return f"{self._prefix}link:{digest_of(token)}"
