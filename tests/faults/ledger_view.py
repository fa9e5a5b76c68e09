"""What a bystander sees of an installation's state: Redis keys and files, without the code that made them."""

from __future__ import annotations

import fnmatch
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import redis

PREFIX: Final = "dragoman:"
BROKER: Final = f"{PREFIX}celery:"
OVER: Final = frozenset({"done", "dead"})
# The one file that is no job's: it says to which ledger the folder belongs.
_OWNER: Final = "owner"
# What may stay when nothing is left to do. Whatever else stays must have a time to live.
_LASTING: Final = (
    "job:*", "unit:*", "jobs:*", "stages", "backlog", "waiting", "identity", "scaling", "capabilities",
    "celery:_kombu.*", "key:*", "keys", "tenant:*", "tenants", "storage",
    "webhooks:endpoint:*", "webhooks:urls:*", "glossaries:*",
)  # fmt: skip
# Counters of what is still to be done; the other ones only grow.
_OPEN: Final = re.compile(r":(ready|leased)(_ms)?$")

Fields = dict[str, str]


class LedgerView:
    """Reads; changes nothing.

    Args:
        store: Redis with decode_responses.
        objects: Folder of the artifacts.
    """

    def __init__(self, store: redis.Redis, objects: Path) -> None:
        self._store = store
        self._objects = objects

    def job(self, job: str) -> Fields:
        """Return a job's raw fields."""
        return self._hash(f"job:{job}")

    def units(self, job: str) -> list[Fields]:
        """Return the raw fields of a job's units."""
        names: Any = self._store.lrange(f"{PREFIX}job:{job}:units", 0, -1)
        return [self._hash(f"unit:{name}") for name in names]

    def units_of(self, job: str, stage: str, state: str) -> list[Fields]:
        """Return a job's units of one stage that are in one state."""
        return [unit for unit in self.units(job) if unit["stage"] == stage and unit["state"] == state]

    def attempts(self, jobs: Iterable[str]) -> int:
        """Return how often a unit of these jobs was claimed beyond its first time."""
        return sum(max(0, int(unit["attempt"]) - 1) for job in jobs for unit in self.units(job))

    def waiting_units(self, stage: str) -> int:
        """Return how many units of a stage are ready, over all jobs."""
        return int(self._hash("stages").get(f"{stage}:ready", 0))

    def queues(self) -> dict[str, int]:
        """Return the broker's queues that hold hints, with their lengths."""
        return {key: int(self._store.llen(key)) for key in self._keys("celery:*", kind="list")}

    def unacknowledged(self) -> int:
        """Return how many hints the broker believes to be in a worker's hands."""
        keys = self._keys("celery:unacked.*", kind="hash")
        return sum(int(self._store.hlen(key)) for key in keys)

    def leftovers(self) -> list[str]:
        """Return what must not be there once all jobs are over."""
        named = [key.removeprefix(PREFIX) for key in self._keys("*")]
        odd = [key for key in named if not any(fnmatch.fnmatch(key, each) for each in _LASTING)]
        found = [key for key in odd if not key.startswith("celery:unacked") and not self._dies(key)]
        stages = {name: count for name, count in self._hash("stages").items() if _OPEN.search(name)}
        counters = stages | self._hash("waiting") | self._hash("backlog")
        return found + [f"{name}={count}" for name, count in counters.items() if count != "0"]

    def done(self) -> tuple[Counter[str], Counter[str]]:
        """Return per stage how many units are done, and how many completions were counted."""
        units = (self._store.hmget(key, "stage", "state") for key in self._keys("unit:*"))
        states: Any = Counter(tuple(each) for each in units)
        found = Counter({stage: count for (stage, state), count in states.items() if state == "done"})
        counted = {
            name.removesuffix(":done"): int(count)
            for name, count in self._hash("stages").items()
            if name.endswith(":done")
        }
        return found, Counter(counted)

    def orphans(self) -> list[str]:
        """Return the stored files that no job refers to."""
        records = self._keys("job:*", kind="hash") + self._keys("unit:*", kind="hash")
        referred = {text for key in records for text in self._references(key)}
        return [name for name in self._stored() if name not in referred | {_OWNER}]

    def files_of(self, job: str) -> list[str]:
        """Return the stored files of a job."""
        return [name for name in self._stored() if f"/{job}/" in name]

    def _stored(self) -> Iterator[str]:
        # Path.rglob would fail on folders that are deleted meanwhile.
        for folder, _, names in os.walk(self._objects):
            yield from (str((Path(folder) / name).relative_to(self._objects)) for name in names)

    def _references(self, key: str) -> Iterator[str]:
        values: Any = self._store.hvals(key)
        for value in values:
            if value[:1] in {"{", "["}:
                yield from _texts(json.loads(value))

    def _dies(self, key: str) -> bool:
        return int(self._store.ttl(PREFIX + key)) != -1

    def _hash(self, name: str) -> Fields:
        fields: Any = self._store.hgetall(PREFIX + name)
        return dict(fields)

    def _keys(self, pattern: str, kind: str | None = None) -> list[str]:
        return sorted(self._store.scan_iter(PREFIX + pattern, count=1000, _type=kind))


def _texts(value: Any) -> Iterator[str]:
    """Yield every string in a JSON document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
