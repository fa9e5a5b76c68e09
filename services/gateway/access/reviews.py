"""What tenants have set of the policy of reviews, in Redis."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import redis

from services.gateway.jobs.policy import OwnPolicy, ReviewPolicy
from services.shared.redis_errors import reaching


class Reviews:
    """The policies of tenants. Every method may be called from any thread.

    Each raises Unavailable (code redis_unavailable) when Redis cannot be reached.

    Args:
        connection: Redis with decode_responses.
        prefix: Of every key in it.
    """

    def __init__(self, connection: redis.Redis, prefix: str) -> None:
        self._redis = connection
        self._prefix = prefix

    @reaching
    def of(self, tenants: Sequence[str]) -> list[OwnPolicy]:
        """Return what tenants have set, in the order asked for."""
        texts: Any = self._redis.mget([self._key(tenant) for tenant in tenants])
        return [_read(text) if text else OwnPolicy() for text in texts]

    @reaching
    def put(self, tenant: str, own: OwnPolicy) -> None:
        """Set a tenant's policy in place of the one it had; the tenant need not be there before."""
        with self._redis.pipeline() as pipeline:
            if given := own.given():
                pipeline.set(self._key(tenant), json.dumps(given))
            else:
                pipeline.delete(self._key(tenant))
            pipeline.sadd(f"{self._prefix}tenants", tenant)
            pipeline.execute()

    def policy(self, tenant: str) -> ReviewPolicy:
        """Return what holds for a tenant."""
        return self.of([tenant])[0].over(ReviewPolicy())

    def _key(self, tenant: str) -> str:
        return f"{self._prefix}review:{tenant}"


def _read(text: str) -> OwnPolicy:
    # What a later version knows more of, this one does not.
    said = {
        each.name: value
        for each in fields(OwnPolicy)
        if (value := json.loads(text).get(each.name)) is not None
    }
    if "ignored" in said:
        said["ignored"] = tuple(said["ignored"])
    return OwnPolicy(**said)
