"""How many utterances a second are translated before calls take twice as long, and how the rest is shed."""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import threading
import time
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from unittest import mock

import psutil

from dragoman import Job, RateLimited
from dragoman.specs import JobSpec
from tests.bench import stack
from tests.bench.call import BITRATE_KBPS, CODEC, MORE
from tests.bench.report import Bars, Result, Row, spread
from tests.bench.stack import Running

_DATA: Final = Path(__file__).parents[1] / "data"
_SPEC: Final[JobSpec] = {
    "kind": "speech_translation",
    "source_language": "en",
    "target_language": "pt-BR",
    "audio": {"codec": CODEC, "bitrate_kbps": BITRATE_KBPS, "layout": "per_channel"},
}
_UTTERANCES: Final = 6
_LENGTH_S: Final = (2.0, 15.0)
_PAUSE_S: Final = 0.3

# Offered load over what the stack does one after another; the last one is far beyond saturation.
_LOADS: Final = (0.6, 0.9, 1.2, 4.0)
_WINDOW_S: Final = 40.0
_BACKLOG_JOBS: Final = 5
_MOST_SLOWDOWN: Final = 2.0
_SHED: Final = "backlog_full"
_POLL_S: Final = 0.25
_LOOK_S: Final = 1.0
_REST_S: Final = 5.0
_MB: Final = 1e6


@dataclass(slots=True)
class Step:
    """What became of the calls of one load.

    Attributes:
        offered: Calls.
        wall_s: From the first submission to the last end.
        times_s: Of each admitted call, from its submission to its end.
        slowdowns: The same over the time of the same utterance alone.
        refusals: Codes of the calls that were refused.
        cpu_s: Processor time of the stack.
        others_s: Processor time of whatever else ran on this machine.
    """

    offered: int = 0
    wall_s: float = 0.0
    times_s: list[float] = field(default_factory=list)
    slowdowns: list[float] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    cpu_s: float = 0.0
    others_s: float = 0.0

    @property
    def rate(self) -> float:
        """Calls that came to their end, per second."""
        return len(self.times_s) / self.wall_s

    @property
    def holds(self) -> bool:
        """Whether every call was taken and nearly all were fast enough."""
        return not self.refusals and spread(self.slowdowns).p95 <= _MOST_SLOWDOWN


class Memory:
    """Resident memory of processes: at rest now and then, and the most in between.

    Args:
        processes: Whose.
    """

    def __init__(self, processes: Sequence[psutil.Process]) -> None:
        self._processes = processes
        self._ended = threading.Event()
        self.rests: list[tuple[float, float]] = []
        self.most_mb = 0.0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look for the most while inside."""
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def rest(self) -> None:
        """Let the processes come to rest, and note what they hold."""
        time.sleep(_REST_S)
        self.rests.append((time.monotonic(), self._now_mb()))

    def slope(self) -> float:
        """Return MB per minute: the line that fits the memory at rest best."""
        times_s, sizes = zip(*self.rests, strict=True)
        return statistics.linear_regression(times_s, sizes).slope * 60

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_S):
            self.most_mb = max(self.most_mb, self._now_mb())

    def _now_mb(self) -> float:
        return sum(process.memory_info().rss for process in self._processes) / _MB


def run() -> Result:
    """Translate utterances one after another, then at growing rates."""
    bound = {"DRAGOMAN_GATEWAY_MAX_BACKLOG_JOBS": str(_BACKLOG_JOBS)}
    with tempfile.TemporaryDirectory() as name, mock.patch.dict(os.environ, bound), stack.running() as up:
        utterances = _utterances(Path(name))
        # The longest brings every buffer to its size.
        _one(up, utterances[-1])
        alone_s = {utterance: _one(up, utterance) for utterance in utterances}
        rate = len(alone_s) / sum(alone_s.values())
        memory = Memory([process for each in up.processes().values() for process in each])
        with memory.watched():
            memory.rest()
            steps = {load: _offer(up, alone_s, load * rate, memory) for load in _LOADS}
    rows = (
        Row("one after another: rate", "calls/s", spread([rate])),
        Row("one after another: a call", "s", spread(list(alone_s.values()))),
        *(row for load, step in steps.items() for row in _step_rows(load, step)),
        *_summary(steps, rate),
        Row("memory at rest", "MB", spread([size for _, size in memory.rests])),
        Row("memory slope at rest", "MB/min", spread([memory.slope()])),
        Row("memory, most", "MB", spread([memory.most_mb])),
    )
    heights = {f"load {load:g}": spread(step.slowdowns).p95 for load, step in steps.items()}
    plot = Bars("p95 of a call's time, over the same call alone", "ratio", heights, _MOST_SLOWDOWN)
    details = {"backlog_jobs": _BACKLOG_JOBS, "window_s": _WINDOW_S, "memory_at_rest": memory.rests}
    return Result("concurrent_capacity", rows, (plot,), details)


def _utterances(folder: Path) -> list[Path]:
    """Return utterances of 2 to 15 s, the shortest first: one recording or several after another."""
    files = [*_DATA.glob("en-*.wav"), *(MORE / "telephony" / "en").glob("*.wav")]
    recordings = [samples for file in sorted(files) if len(samples := _read(file)) <= _bytes(_LENGTH_S[1])]
    chance = random.Random(12)  # noqa: S311 - picks recordings, guards nothing
    lengths = [
        _LENGTH_S[0] + (_LENGTH_S[1] - _LENGTH_S[0]) * number / _UTTERANCES for number in range(_UTTERANCES)
    ]
    made = []
    for number, length_s in enumerate(lengths):
        made.append(folder / f"utterance-{number}.wav")
        _write(made[-1], _joined(recordings, _bytes(length_s), chance))
    return made


def _joined(recordings: Sequence[bytes], least_bytes: int, chance: random.Random) -> bytes:
    said = chance.choice(recordings)
    while len(said) < least_bytes:
        rest = [each for each in recordings if len(said) + len(each) < _bytes(_LENGTH_S[1] - _PAUSE_S)]
        if not rest:
            break
        said += bytes(_bytes(_PAUSE_S)) + chance.choice(rest)
    return said


def _bytes(seconds: float) -> int:
    return 2 * round(8_000 * seconds)


def _read(file: Path) -> bytes:
    with wave.open(str(file)) as recording:
        assert recording.getparams()[:3] == (1, 2, 8_000), file
        return bytes(recording.readframes(recording.getnframes()))


def _write(file: Path, samples: bytes) -> None:
    with wave.open(str(file), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(8_000)
        recording.writeframes(samples)


def _one(up: Running, utterance: Path) -> float:
    began = datetime.now(UTC)
    job = _submit(up, utterance)
    assert isinstance(job, Job), job
    return _end(up, job, began)


def _submit(up: Running, utterance: Path) -> Job | str:
    """Submit once, as a client does that does not try again; return the code of a 429."""
    try:
        return up.gateway.jobs.submit(_SPEC, file=utterance)
    except RateLimited as refused:
        return refused.code


def _end(up: Running, job: Job, began: datetime) -> float:
    """Wait for a job; return the seconds from its submission to its end."""
    while not job.final:
        time.sleep(_POLL_S)
        job = up.gateway.jobs.get(job)
    assert job.state == "succeeded", f"{job.id}: {job.state} {job.error}"
    assert job.finished_at is not None
    return (job.finished_at - began).total_seconds()


def _offer(up: Running, alone_s: dict[Path, float], rate: float, memory: Memory) -> Step:
    """Submit at random moments, whether or not earlier calls are over: a Poisson process of a known count."""
    chance = random.Random(13)  # noqa: S311 - spreads arrivals, guards nothing
    moments_s = sorted(chance.uniform(0, _WINDOW_S) for _ in range(round(rate * _WINDOW_S)))
    step, admitted = Step(len(moments_s)), list[tuple[Path, Job, datetime]]()
    began, cpu_s, busy_s = time.monotonic(), up._cpu_s(), _busy_s()
    for at_s in moments_s:
        time.sleep(max(0.0, began + at_s - time.monotonic()))
        utterance, submitted = chance.choice(list(alone_s)), datetime.now(UTC)
        answer = _submit(up, utterance)
        if isinstance(answer, Job):
            admitted.append((utterance, answer, submitted))
        else:
            step.refusals.append(answer)
    for utterance, job, submitted in admitted:
        step.times_s.append(_end(up, job, submitted))
        step.slowdowns.append(step.times_s[-1] / alone_s[utterance])
    step.wall_s, step.cpu_s = time.monotonic() - began, up._cpu_s() - cpu_s
    step.others_s = _busy_s() - busy_s - step.cpu_s
    memory.rest()
    return step


def _busy_s() -> float:
    """Return the processor time of all processes of this machine so far."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)


def _step_rows(load: float, step: Step) -> Iterator[Row]:
    name = f"load {load:g}"
    yield Row(f"{name}: offered", "calls/s", spread([step.offered / _WINDOW_S]))
    yield Row(f"{name}: done", "calls/s", spread([step.rate]))
    yield Row(f"{name}: a call", "s", spread(step.times_s))
    yield Row(f"{name}: over the same call alone", "ratio", spread(step.slowdowns))
    yield Row(f"{name}: refused", "count", spread([len(step.refusals)]))
    yield Row(f"{name}: CPU of a call", "s", spread([step.cpu_s / len(step.times_s)]))
    yield Row(f"{name}: cores that others took", "count", spread([step.others_s / step.wall_s]))


def _summary(steps: dict[float, Step], alone: float) -> Iterator[Row]:
    most = max((step.rate for step in steps.values() if step.holds), default=0.0)
    yield Row(f"most with p95 <= {_MOST_SLOWDOWN:g}x alone", "calls/s", spread([most]))
    yield Row("the same, over one after another", "ratio", spread([most / alone]))
    highest = max(step.rate for step in steps.values())
    yield Row("at saturation, over one after another", "ratio", spread([highest / alone]))
    refusals = steps[_LOADS[-1]].refusals
    yield Row(f"overload: 429 with code {_SHED}", "count", spread([refusals.count(_SHED)]), ">= 1")
    others = sum(code != _SHED for step in steps.values() for code in step.refusals)
    yield Row("429 with another code", "count", spread([others]), "<= 0")
    # As if each admitted call waited for all others that the backlog holds.
    bound_s = _BACKLOG_JOBS / highest
    p95_s = spread(steps[_LOADS[-1]].times_s).p95
    yield Row("overload: p95 over the full backlog's time", "ratio", spread([p95_s / bound_s]))
