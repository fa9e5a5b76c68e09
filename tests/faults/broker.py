"""What a broker may do to hints, done to Celery's lists in Redis."""

from __future__ import annotations

import random
from typing import Any

import redis

from tests.faults.ledger_view import BROKER


def queued(store: redis.Redis) -> int:
    """Return how many hints wait in the queues."""
    return sum(len(_hints(store, key)) for key in _queues(store))


def lose(store: redis.Redis, share: float, chance: random.Random) -> int:
    """Lose a random share of the waiting hints, 0 to 1; return how many."""
    lost = 0
    for key in _queues(store):
        for hint in _hints(store, key):
            if chance.random() < share:
                lost += int(store.lrem(key, 1, hint))
    return lost


def multiply(store: redis.Redis, times: int, chance: random.Random) -> int:
    """Deliver every waiting hint so many times, in any order; return how many are too many."""
    extra = 0
    for key in _queues(store):
        hints = _hints(store, key) * times
        chance.shuffle(hints)
        extra += len(hints) * (times - 1) // times
        store.delete(key)
        if hints:
            store.rpush(key, *hints)
    return extra


def forget(store: redis.Redis) -> int:
    """Delete every key of Celery: queues, bindings, what is unacknowledged; return how many."""
    keys = list(store.scan_iter(f"{BROKER}*", count=1000))
    return int(store.delete(*keys)) if keys else 0


def _queues(store: redis.Redis) -> list[str]:
    return sorted(store.scan_iter(f"{BROKER}*", count=1000, _type="list"))


def _hints(store: redis.Redis, key: str) -> list[str]:
    found: Any = store.lrange(key, 0, -1)
    return list(found)
