"""An installation in simulated time: calls flow through the stages, replicas start, die and drain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from services.shared.tasks import MODEL_STAGES, SERVICES, service_of
from tests.bench.autoscaling_day import Calls, Floats

STEP_S: Final = 5.0
# Audio ms per ms in a slot, as the bundled models do on a CPU core: recognition needs 0.17 of the audio's
# length, speech 0.36. On a GPU all is faster, which a call centre of so many more calls makes up for.
SPEED: Final = (100.0, 100.0, 6.0, 60.0, 2.8, 40.0)
SLOTS: Final = {"asr": 2, "translation": 4, "tts": 2, "codec": 2}
# Audio per call that each stage sees: both channels, then what is spoken on them.
AUDIO: Final = (1.0, 2.0, 0.8, 0.8, 0.8, 2.0)
# Length of a stage's unit; 0 where it is the call, or a channel of it.
UNIT_S: Final = (0.0, 0.0, 4.0, 4.0, 4.0, 0.0)
# Units of a call that may run at once.
_ABREAST: Final = (1, 2, 100, 100, 100, 1)
_COLD_START_S: Final = (60.0, 120.0)
# A dead replica's leases run out, then it loads its model again on the same node.
_RESTART_S: Final = 75.0
_HOURS_BETWEEN_FAILURES: Final = 24.0
_DRAIN_S: Final = 20.0
_WORKER_SHARE: Final = 1.5
_NOISE: Final = 0.1
_DECODE, _SEGMENT, _TRANSCRIBE, _ENCODE = 0, 1, 2, 5
_OF: Final = {
    service: [at for at, stage in enumerate(MODEL_STAGES) if service_of(stage) == service]
    for service in SERVICES
}


@dataclass(slots=True)
class Fleet:
    """The replicas of one service.

    Attributes:
        ready_s: Per replica when it serves, or serves again.
        hours: Paid for so far.
        changes: How often replicas were added or taken away.
    """

    ready_s: list[float] = field(default_factory=list)
    hours: float = 0.0
    changes: int = 0

    def serving(self, now_s: float) -> int:
        """Count the replicas that serve."""
        return sum(ready_s <= now_s for ready_s in self.ready_s)

    def resize(self, wanted: int, now_s: float, random: np.random.Generator) -> None:
        """Ask for replicas, or give some back: those first that do not serve yet."""
        if wanted == len(self.ready_s):
            return
        self.changes += 1
        while len(self.ready_s) > wanted:
            slowest = max(self.ready_s)
            self.ready_s.remove(slowest)
            self.hours += (_DRAIN_S if slowest <= now_s else 0.0) / 3600
        while len(self.ready_s) < wanted:
            self.ready_s.append(now_s + random.uniform(*_COLD_START_S))

    def age(self, now_s: float, random: np.random.Generator) -> None:
        """Let one step pass: it is paid for, and any replica may die."""
        self.hours += len(self.ready_s) * STEP_S / 3600
        risk = STEP_S / 3600 / _HOURS_BETWEEN_FAILURES
        for at, ready_s in enumerate(self.ready_s):
            if ready_s <= now_s and random.random() < risk:
                self.ready_s[at] = now_s + _RESTART_S


class World:
    """All calls, and where each of them is.

    Args:
        calls: Of the day.
        seed: Of what happens to the replicas.
        fleets: At the beginning, all of them serving.
    """

    def __init__(self, calls: Calls, seed: int, fleets: Mapping[str, int]) -> None:
        self.random = np.random.default_rng(seed)
        self.now_s = 0.0
        self.fleets = {service: Fleet([0.0] * fleets.get(service, 0)) for service in SERVICES}
        self.finished_s = np.full(len(calls.at_s), np.inf)
        self._calls = calls
        self._came = 0
        self._active = np.empty(0, dtype=np.int64)
        # Per stage: what the calls still have to go through, and how much of it may begin now.
        self._left = (calls.length_s * np.asarray(AUDIO)[:, None]).copy()
        self._open = np.zeros_like(self._left)
        self._rate = np.asarray(SPEED)[:, None] / calls.spread.T
        self._done_s = np.zeros(6)
        self._served_s = np.zeros(6)

    @property
    def busy(self) -> bool:
        """Whether any call is unfinished."""
        return len(self._active) > 0

    def step(self) -> None:
        """Let STEP_S pass."""
        last = int(np.searchsorted(self._calls.at_s, self.now_s, side="right"))
        fresh = np.arange(self._came, last)
        self._open[_DECODE, fresh] = self._left[_DECODE, fresh]
        self._active = np.concatenate([self._active, fresh])
        self._came = last
        for service in SERVICES:
            fleet = self.fleets[service]
            fleet.age(self.now_s, self.random)
            if self.busy:
                self._work(service, fleet.serving(self.now_s) * SLOTS[service] * STEP_S)
        self.now_s += STEP_S
        if self.busy:
            self._hand_on()

    def _work(self, service: str, budget_s: float) -> None:
        """Share slot time among the calls, the oldest first, as the ledger does with one tenant."""
        active = self._active
        for stage in _OF[service]:
            most_s = np.minimum(self._abreast(stage), _ABREAST[stage]) * STEP_S
            asked_s = np.minimum(self._open[stage, active] / self._rate[stage, active], most_s)
            before_s = np.cumsum(asked_s) - asked_s
            given_s = np.clip(budget_s - before_s, 0.0, asked_s)
            audio_s = given_s * self._rate[stage, active]
            self._open[stage, active] -= audio_s
            self._left[stage, active] -= audio_s
            if _TRANSCRIBE <= stage < _ENCODE - 1:
                self._open[stage + 1, active] += audio_s
            total_s = float(given_s.sum())
            self._done_s[stage] += audio_s.sum()
            self._served_s[stage] += total_s * self.random.lognormal(0, _NOISE)
            budget_s -= total_s

    def _abreast(self, stage: int) -> Floats:
        open_s: Floats = self._open[stage, self._active]
        return np.ceil(open_s / UNIT_S[stage]) if UNIT_S[stage] else np.full(len(open_s), 8.0)

    def _hand_on(self) -> None:
        active, tiny = self._active, 1e-6
        done = self._left[:, active] <= tiny
        for stage, after in ((_DECODE, _SEGMENT), (_SEGMENT, _TRANSCRIBE), (_ENCODE - 1, _ENCODE)):
            begins = active[done[stage] & (self._left[stage, active] > -1)]
            self._open[after, begins] = self._left[after, begins]
            # Marked, so that it is handed on once.
            self._left[stage, begins] = -2.0
        over = active[done[_ENCODE]]
        self.finished_s[over] = self.now_s
        self._active = active[~done[_ENCODE]]

    def units(self) -> dict[str, tuple[float, float]]:
        """Return per stage the units that wait or run, and their audio in seconds."""
        active = self._active
        found = {}
        for at, stage in enumerate(MODEL_STAGES):
            open_s = self._open[at, active]
            some = open_s > 1e-6
            units = np.ceil(open_s[some] / UNIT_S[at]).sum() if UNIT_S[at] else some.sum() * _ABREAST[at]
            scale = self._calls.estimate[active][some] if at == _DECODE else 1.0
            found[stage] = (float(units), float((open_s[some] * scale).sum()))
        return found

    def counts(self) -> dict[str, dict[str, int]]:
        """Return what the ledger would count."""
        counts = {}
        for at, (stage, (units, audio_s)) in enumerate(self.units().items()):
            service = service_of(stage)
            held = self.fleets[service].serving(self.now_s) * SLOTS[service] * _WORKER_SHARE
            leased = min(units, held)
            share = leased / units if units else 0.0
            counts[stage] = {
                "ready": int(units - leased),
                "leased": int(leased),
                "done": int(self._done_s[at] / (UNIT_S[at] or 300.0)),
                "ready_ms": int(audio_s * (1 - share) * 1000),
                "leased_ms": int(audio_s * share * 1000),
                "done_ms": int(self._done_s[at] * 1000),
                "served_ms": int(self._served_s[at] * 1000),
            }
        return counts
