"""What Redis says when it cannot be reached or is full, in our own words."""

from __future__ import annotations

from contextlib import ContextDecorator
from types import TracebackType
from typing import Final

import redis

from services.shared.errors import Unavailable


class _Reaching(ContextDecorator):
    """Has no state, so that any number of threads may be inside."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, redis.RedisError):
            raise _away(error) from None


# Says Unavailable (codes redis_unavailable, redis_full) when Redis cannot be reached, or has no room:
# around a block, as `with reaching:`, or around a method, as `@reaching`.
reaching: Final = _Reaching()


def _away(error: redis.RedisError) -> Unavailable:
    """Return what to tell a client of an error of Redis."""
    # From within a script this error has no class of its own.
    if "OOM" in str(error):
        detail = "Redis has no memory left for this; raise its maxmemory, or erase old jobs."
        return Unavailable(detail, code="redis_full")
    return Unavailable(
        "Redis cannot be reached; check that it runs, then try again.", code="redis_unavailable"
    )
