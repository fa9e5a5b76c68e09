"""What Redis says when it cannot be reached or is full, in our own words."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import redis

from services.shared.errors import Unavailable

P = ParamSpec("P")
R = TypeVar("R")


def reaching(method: Callable[P, R]) -> Callable[P, R]:
    """Say Unavailable (codes redis_unavailable, redis_full) when Redis cannot be reached, or has no room."""

    @functools.wraps(method)
    def reach(*arguments: P.args, **options: P.kwargs) -> R:
        try:
            return method(*arguments, **options)
        except redis.RedisError as error:
            raise away(error) from None

    return reach


def away(error: redis.RedisError) -> Unavailable:
    """Return what to tell a client of an error of Redis."""
    # From within a script this error has no class of its own.
    if "OOM" in str(error):
        detail = "Redis has no memory left for this; raise its maxmemory, or erase old jobs."
        return Unavailable(detail, code="redis_full")
    return Unavailable(
        "Redis cannot be reached; check that it runs, then try again.", code="redis_unavailable"
    )
