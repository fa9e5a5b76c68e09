"""Time from a task's sending to its end while a worker is killed, next to bare Celery and a Redis list."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.bench import plane
from tests.bench.queue_peers import SLOTS, Celery, Peer, Raw, Service
from tests.bench.report import Bars, Result, Row, spread

_SIZES_BYTES: Final = (1_000, 32_000)
_BURST_TASKS: Final = 5_000
_BATCH: Final = 100
_POISSON_TASKS: Final = 2_000
_POISSON_RATE: Final = 80.0
_WORKERS: Final = 2
_WARM_TASKS: Final = 20
_LEASE_S: Final = 2.0

# With nothing done for so long the rest counts as lost: longer than a lease and the looks of a reconciler.
_QUIET_S: Final = 8.0
_LOOK_S: Final = 0.5
# The tail is reported by itself.
_SHARE: Final = 0.99

# When a batch of tasks is sent, in seconds from the first one, and their payloads.
_Arrivals = list[tuple[float, Sequence[int]]]


@dataclass(slots=True)
class Trial:
    """What became of some tasks.

    Attributes:
        sent_s: When each was sent (seconds since 1970).
        sizes: Payload of each, in bytes.
        done_s: When each was done, once or more often.
        lost: Tasks that were not done.
        reruns: Claims beyond the first, where somebody counts them.
        resent: Hints that the reconciler sent again.
    """

    sent_s: dict[str, float] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    done_s: dict[str, list[float]] = field(default_factory=dict)
    lost: int = 0
    reruns: int = 0
    resent: int = 0

    @property
    def doubled(self) -> int:
        """Tasks that were done more than once."""
        return sum(len(times) > 1 for times in self.done_s.values())

    @property
    def rate(self) -> float:
        """Tasks per second, until nearly all were done."""
        ends = sorted(times[0] for times in self.done_s.values())
        last = ends[int(_SHARE * len(ends)) - 1]
        return _SHARE * len(ends) / (last - min(self.sent_s.values()))

    def times_ms(self, size: int | None = None) -> list[float]:
        """Return how long tasks took, those with one size of payload if given."""
        return [
            (times[0] - self.sent_s[task]) * 1000
            for task, times in self.done_s.items()
            if size in (None, self.sizes[task])
        ]


def run() -> Result:
    """Send a burst and a Poisson process to each peer, and kill one worker in the middle of each."""
    with plane.running(_LEASE_S) as up:
        up.start(plane.RECONCILER)
        peers: dict[str, Peer] = {
            "stage units": Service(up),
            "bare Celery": Celery(up),
            "Redis list": Raw(up),
        }
        trials = {
            f"{name}, {label}": _trial(peer, arrivals)
            for label, arrivals in (("burst", _burst()), ("Poisson", _poisson()))
            for name, peer in peers.items()
        }
        expired = up.metric("dragoman_expired_leases_total")
    return Result(
        "queue_roundtrip",
        (
            *_rates({name: each for name, each in trials.items() if name.endswith("burst")}),
            *_latencies({name: each for name, each in trials.items() if name.endswith("Poisson")}),
            *_ratios(trials),
            *_losses(trials),
        ),
        (_plot(trials),),
        {
            "burst_tasks": _BURST_TASKS,
            "poisson_tasks": _POISSON_TASKS,
            "poisson_rate": _POISSON_RATE,
            "workers": _WORKERS,
            "slots_per_worker": SLOTS,
            "lease_s": _LEASE_S,
            "expired_leases": expired,
        },
    )


def _burst() -> _Arrivals:
    """All at once, in batches as a channel's regions come."""
    sizes = [_SIZES_BYTES[number % 2] for number in range(_BATCH)]
    return [(0.0, sizes)] * (_BURST_TASKS // _BATCH)


def _poisson() -> _Arrivals:
    chance = random.Random(11)  # noqa: S311 - spreads arrivals, guards nothing
    at_s, arrivals = 0.0, []
    for number in range(_POISSON_TASKS):
        at_s += chance.expovariate(_POISSON_RATE)
        arrivals.append((at_s, (_SIZES_BYTES[number % 2],)))
    return list(arrivals)


def _trial(peer: Peer, arrivals: _Arrivals) -> Trial:
    for _ in range(_WORKERS):
        peer.start()
    peer.up.await_idle(_WORKERS)
    _offer(peer, [(0.0, (size,)) for size in _SIZES_BYTES for _ in range(_WARM_TASKS)], kill=False)
    resent = peer.up.metric("dragoman_resent_hints_total")
    trial = _offer(peer, arrivals, kill=True)
    trial.resent = round(peer.up.metric("dragoman_resent_hints_total") - resent)
    peer.stop()
    return trial


def _offer(peer: Peer, arrivals: _Arrivals, *, kill: bool) -> Trial:
    """Send tasks when they are due; in the middle kill a worker and start another one."""
    peer.prepare(len(arrivals))
    trial, before, began = Trial(), peer.count_done(), time.time()
    for number, (at_s, sizes) in enumerate(arrivals):
        time.sleep(max(0.0, began + at_s - time.time()))
        now_s = time.time()
        names = peer.send(sizes)
        trial.sent_s.update(dict.fromkeys(names, now_s))
        trial.sizes.update(zip(names, sizes, strict=True))
        if kill and number == len(arrivals) // 2:
            peer.workers[0].kill()
            peer.start()
    _settle(peer, before + len(trial.sent_s))
    done = peer.completions()
    trial.done_s = {task: done[task] for task in trial.sent_s if task in done}
    trial.lost = before + len(trial.sent_s) - peer.count_done()
    if isinstance(peer, Service):
        attempts = peer.attempts()
        # What the ledger counted and what its units say must agree.
        assert len(attempts) == len(trial.sent_s) - trial.lost
        trial.reruns = sum(attempts) - len(attempts)
    return trial


def _settle(peer: Peer, all_done: int) -> None:
    """Wait until all is done, or nothing more comes."""
    done, moved_s = -1, time.monotonic()
    while (now_done := peer.count_done()) < all_done and time.monotonic() - moved_s < _QUIET_S:
        if now_done != done:
            done, moved_s = now_done, time.monotonic()
        time.sleep(_LOOK_S)


def _rates(trials: Mapping[str, Trial]) -> Iterator[Row]:
    for name, trial in trials.items():
        yield Row(f"{name}: rate", "tasks/s", spread([trial.rate]))
        yield Row(f"{name}: time", "ms", spread(trial.times_ms()))
        yield Row(f"{name}: p99", "ms", spread([_p99(trial.times_ms())]))


def _latencies(trials: Mapping[str, Trial]) -> Iterator[Row]:
    for name, trial in trials.items():
        for size in _SIZES_BYTES:
            times_ms = trial.times_ms(size)
            yield Row(f"{name}, {size // 1000} kB", "ms", spread(times_ms))
            yield Row(f"{name}, {size // 1000} kB: p99", "ms", spread([_p99(times_ms)]))


def _ratios(trials: Mapping[str, Trial]) -> Iterator[Row]:
    rates = {peer: trials[f"{peer}, burst"].rate for peer in ("stage units", "bare Celery")}
    yield Row("burst: rate over bare Celery", "ratio", spread([rates["stage units"] / rates["bare Celery"]]))
    for size in _SIZES_BYTES:
        own = spread(trials["stage units, Poisson"].times_ms(size)).median
        for peer in ("bare Celery", "Redis list"):
            other = spread(trials[f"{peer}, Poisson"].times_ms(size)).median
            yield Row(f"Poisson, {size // 1000} kB: over {peer}", "ratio", spread([own / other]))


def _losses(trials: Mapping[str, Trial]) -> Iterator[Row]:
    for name, trial in trials.items():
        target = "<= 0" if name.startswith("stage units") else ""
        yield Row(f"{name}: lost", "count", spread([trial.lost]), target)
        yield Row(f"{name}: done twice", "count", spread([trial.doubled]), target)
        if target:
            yield Row(f"{name}: claimed again", "count", spread([trial.reruns]))
            yield Row(f"{name}: hints sent again", "count", spread([trial.resent]))


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[-(-99 * len(values) // 100) - 1]


def _plot(trials: Mapping[str, Trial]) -> Bars:
    heights = {
        f"{name}, {size // 1000} kB": spread(trial.times_ms(size)).median
        for name, trial in trials.items()
        if name.endswith("Poisson")
        for size in _SIZES_BYTES
    }
    return Bars("Median time from sending to end", "ms", heights)
