"""The board on which the decisions stand: one value in Redis, for every copy of reconciler and gateway."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import redis

from services.gateway.scaling.measure import Measured, Stage
from services.gateway.scaling.planner import Plan, State
from services.gateway.scaling.policy import Decision, Past
from services.shared.tasks import MODEL_STAGES, SERVICES

# Grows when older or newer code could not read the value; what it says is then measured anew.
_VERSION: Final = 1


class Board:
    """Keeps the state of the planner.

    Args:
        connection: Redis with decode_responses.
        prefix: Of every key.
    """

    def __init__(self, connection: redis.Redis, prefix: str) -> None:
        self._redis = connection
        self._key = f"{prefix}scaling"

    def read(self) -> State:
        """Return what stands there; an empty state when it is nothing that this version can read.

        Raises:
            redis.RedisError: Redis cannot be reached.
        """
        return _state(str(self._redis.get(self._key) or ""))

    def write(self, state: State) -> None:
        """Replace what stands there; raises as `read` does."""
        self._redis.set(self._key, json.dumps({"version": _VERSION, **dataclasses.asdict(state)}))


def _state(text: str) -> State:
    try:
        document = json.loads(text)
        if document["version"] != _VERSION:
            return State()
        measured = document["measured"]
        stages = _all(MODEL_STAGES, measured["stages"], lambda each: Stage(**each))
        return State(
            Measured(measured["at_s"], measured["counts"], stages), _all(SERVICES, document["plans"], _plan)
        )
    except (ValueError, KeyError, TypeError):
        return State()


def _all(names: tuple[str, ...], found: Mapping[str, Any], read: Callable[[Any], Any]) -> dict[str, Any]:
    return {name: read(found[name]) for name in names}


def _plan(document: dict[str, Any]) -> Plan:
    decision = document.pop("decision")
    past = decision.pop("past")
    starting, needs = (tuple((at, n) for at, n in past.pop(name)) for name in ("starting", "needs"))
    return Plan(**document, decision=Decision(**decision, past=Past(**past, starting=starting, needs=needs)))
