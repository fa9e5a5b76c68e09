"""The receipts of erased jobs, in Redis until they are too old to matter."""

from __future__ import annotations

import json
from datetime import datetime

import redis

from services.gateway.jobs.erasures import KEPT_S, Erasure
from services.shared.redis_errors import reaching


class RedisErasures:
    """Keeps receipts.

    Args:
        connection: Redis with decode_responses.
        prefix: Of every key.
    """

    def __init__(self, connection: redis.Redis, prefix: str) -> None:
        self._redis = connection
        self._prefix = prefix

    @reaching
    def keep(self, erasure: Erasure) -> None:
        """Keep a receipt."""
        text = json.dumps([erasure.job, erasure.erased_at.isoformat()])
        self._redis.set(self._key(erasure.tenant, erasure.id), text, ex=KEPT_S)

    @reaching
    def get(self, tenant: str, erasure_id: str) -> Erasure | None:
        """Return a tenant's receipt; None when there is none."""
        text = self._redis.get(self._key(tenant, erasure_id))
        if text is None:
            return None
        job, erased_at = json.loads(str(text))
        return Erasure(erasure_id, tenant, job, datetime.fromisoformat(erased_at))

    def _key(self, tenant: str, erasure_id: str) -> str:
        return f"{self._prefix}erasure:{tenant}:{erasure_id}"
