"""What the world is told of the decisions: for /v1/stages, and as gauges for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import redis
from prometheus_client.core import GaugeMetricFamily

from services.gateway.scaling.board import Board
from services.gateway.scaling.planner import State
from services.shared import telemetry


@dataclass(frozen=True, slots=True)
class ServiceScale:
    """What a service should have, and what that rests on.

    Attributes:
        service: Such as "asr".
        backlog_ms: Audio of its units that wait or run.
        speed: Audio ms per ms in a slot, as measured, of the slowest of its stages.
        slots: Calls that one replica runs at once.
        desired_replicas: Of its model server; None when the decision is too old to count.
        desired_workers: Of its stage worker; None likewise.
        reason: Why not fewer, as services.gateway.scaling.policy names it; "stale" when too old.
        measured_at: When this was decided.
    """

    service: str
    backlog_ms: int
    speed: float
    slots: int
    desired_replicas: int | None
    desired_workers: int | None
    reason: str
    measured_at: datetime


class Scales(Protocol):
    """Knows the decisions, and shows them to Prometheus."""

    def __call__(self) -> Sequence[ServiceScale]:
        """Return one entry per service."""
        ...

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges."""
        ...


class Unscaled:
    """Nobody decides on sizes."""

    def __call__(self) -> Sequence[ServiceScale]:
        """Return nothing."""
        return ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield nothing."""
        yield from ()


class Published:
    """Reads the decisions.

    Args:
        board: Where they stand.
        now: The time by the clock of those who decide.
        stale_s: Age at which a decision no longer counts.
    """

    def __init__(self, board: Board, now: Callable[[], datetime], stale_s: float) -> None:
        self._board = board
        self._now = now
        self._stale_s = stale_s

    def __call__(self) -> Sequence[ServiceScale]:
        """Return one entry per service; none before the first decision, or while Redis is away."""
        try:
            return self._scales(self._board.read())
        except redis.RedisError:
            return ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges; desired sizes only while they count."""
        backlog = telemetry.family("dragoman_backlog_seconds")
        replicas = telemetry.family("dragoman_desired_replicas")
        workers = telemetry.family("dragoman_desired_workers")
        speeds = telemetry.family("dragoman_stage_speed")
        with suppress(redis.RedisError):
            state = self._board.read()
            for name, stage in state.measured.stages.items():
                speeds.add_metric([name], stage.speed)
            for each in self._scales(state):
                backlog.add_metric([each.service], each.backlog_ms / 1000)
                if each.desired_replicas is not None and each.desired_workers is not None:
                    replicas.add_metric([each.service], each.desired_replicas)
                    workers.add_metric([each.service], each.desired_workers)
        yield from (backlog, replicas, workers, speeds)

    def _scales(self, state: State) -> Sequence[ServiceScale]:
        if state.measured.at_s is None:
            return ()
        measured_at = datetime.fromtimestamp(state.measured.at_s, UTC)
        stale = (self._now() - measured_at).total_seconds() > self._stale_s
        return _entries(state, measured_at, stale=stale)


def _entries(state: State, measured_at: datetime, *, stale: bool) -> list[ServiceScale]:
    return [
        ServiceScale(
            service=service,
            backlog_ms=round(each.backlog_ms),
            speed=round(each.speed, 3),
            slots=each.slots,
            desired_replicas=None if stale else each.decision.replicas,
            desired_workers=None if stale else each.decision.workers,
            reason="stale" if stale else each.decision.reason,
            measured_at=measured_at,
        )
        for service, each in state.plans.items()
    ]
