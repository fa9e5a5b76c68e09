"""What model services said of themselves, kept in Redis for times when none of their servers runs."""

from __future__ import annotations

import base64

import redis

from services.shared import telemetry


class RedisAnswers:
    """Keeps the last answer of each service.

    Args:
        connection: Redis with decode_responses.
        prefix: Of every key.
    """

    def __init__(self, connection: redis.Redis, prefix: str) -> None:
        self._redis = connection
        self._key = f"{prefix}capabilities"

    def get(self, service: str) -> bytes | None:
        """Return a service's last answer; None when there is none, or while Redis is away."""
        try:
            kept = self._redis.hget(self._key, service)
        except redis.RedisError:
            return None
        return None if kept is None else base64.b64decode(str(kept))

    def put(self, service: str, answer: bytes) -> None:
        """Keep an answer in place of the last one; while Redis is away the last one stays."""
        try:
            self._redis.hset(self._key, service, base64.b64encode(answer).decode())
        except redis.RedisError as error:
            telemetry.logger().warning("answer not kept", service=service, error=type(error).__name__)
