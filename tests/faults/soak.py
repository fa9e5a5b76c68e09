"""`python -m tests.faults.soak --minutes N`: jobs and faults at random; in the end nothing is lost."""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.bench import plots, report
from tests.faults.calls import CALL, SPEC, different, results
from tests.faults.chaos import Chaos
from tests.faults.installation import Installation, Plan, installed
from tests.faults.memory import Memory
from tests.faults.trial import Trial

_SAMPLE_S: Final = 5.0
_SOURCES: Final = 2
# How long the last jobs may take once everything is mended.
_END_S: Final = 180.0
_CLIENTS: Final = 16


@dataclass(slots=True)
class Tally:
    """What became of the jobs.

    Attributes:
        accepted: Their ids.
        erased: Those that were erased again, once their results had been compared.
        wrong: What was not as it must be, in words.
    """

    accepted: list[str] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Soak:
    """One run.

    Args:
        installation: Healthy.
        seed: For every choice.
        rate: Jobs per second, on average.
    """

    def __init__(self, installation: Installation, seed: int, rate: float) -> None:
        self._installation = installation
        self._client = installation.client
        self._random = random.Random(seed)  # noqa: S311 - chooses moments, guards nothing
        self._rate = rate
        self._over = threading.Event()
        self.tally = Tally()
        self.memory = Memory()
        self.chaos = [Chaos(installation, seed + 1 + source, self._over) for source in range(_SOURCES)]
        job = self._client.submit(SPEC, CALL)
        assert self._client.wait(job)["state"] == "succeeded"
        self._shape = Counter(unit["stage"] for unit in installation.ledger.units(job))
        self.trial = Trial(installation, "soak", seed, results(self._client, job))

    def run(self, minutes: float) -> None:
        """Let it rain; then mend everything and look at what is left."""
        for source in self.chaos:
            source.start()
        sampler = threading.Thread(target=self._sample, name="memory")
        sampler.start()
        with ThreadPoolExecutor(_CLIENTS) as clients:
            pending = self._arrivals(clients, time.monotonic() + minutes * 60)
            self._over.set()
            for thread in (*self.chaos, sampler):
                thread.join()
            self.tally.wrong += [f"{name} ended by itself" for name in self._installation.unwanted()]
            self._installation.heal()
            wait(pending, _END_S)
        self._judge(pending)

    def _arrivals(self, clients: ThreadPoolExecutor, until_s: float) -> list[Future[None]]:
        """Have jobs handed in, with pauses as between calls that do not know of each other."""
        pending = []
        while time.monotonic() < until_s:
            time.sleep(self._random.expovariate(self._rate))
            key = f"{self._random.getrandbits(64):x}"
            twice, erased = self._random.random() < 0.2, self._random.random() < 0.5
            pending.append(clients.submit(self._one, key, twice=twice, erased=erased))
        return pending

    def _one(self, key: str, *, twice: bool, erased: bool) -> None:
        """Hand in a job, wait for its end, compare what it gave, and have it erased if asked."""
        job = self._client.submit(SPEC, CALL, key)
        self.tally.accepted.append(job)
        if twice and (other := self._client.submit(SPEC, CALL, key)) != job:
            self.tally.wrong.append(f"{job} and {other} have one key")
        over = self._client.wait(job, _END_S)
        given = results(self._client, job) if over["state"] == "succeeded" else {}
        if changed := different(given, self.trial.reference):
            self.tally.wrong.append(f"{job} {over['state']}, not as undisturbed: {', '.join(changed)}")
        elif erased:
            self._client.erase(job)
            self.tally.erased.append(job)
        else:
            self.trial.jobs.append(job)

    def _judge(self, pending: list[Future[None]]) -> None:
        lost = [each for each in pending if not each.done() or each.exception() is not None]
        self.tally.wrong += [f"lost: {each.exception() if each.done() else 'no end'}" for each in lost]
        self.tally.wrong += [problem for source in self.chaos for problem in source.problems]
        for stage, units in self._shape.items():
            self.trial.surplus[stage] += units * len(self.tally.erased)
        try:
            self.trial.settle()
        except AssertionError as error:
            self.tally.wrong.append(str(error))

    def _sample(self) -> None:
        while not self._over.wait(_SAMPLE_S):
            self.memory.look(self._installation.members.values())


def result_of(soak: Soak) -> report.Result:
    """Return a run's figures."""
    seen, tally = soak.trial.account(), soak.tally
    faults = sum((source.counts for source in soak.chaos), Counter[str]())
    growth = soak.memory.growth()
    figures: list[tuple[str, str, float, str]] = [
        ("jobs accepted", "jobs", len(tally.accepted), ""),
        ("jobs finished as undisturbed", "jobs", len(tally.erased) + len(soak.trial.jobs), ""),
        ("lost or wrong", "jobs", len(tally.wrong), "<= 0"),
        ("effects applied twice", "units", seen.doubled, "<= 0"),
        ("faults", "faults", faults.total(), ""),
        ("units run again", "units", seen.reruns, ""),
        ("late writers refused", "units", seen.fenced, ""),
        ("lost hints sent again", "hints", seen.rescued, ""),
        *((f"growth of {kind}", "MiB/h", value, "") for kind, value in growth.items()),
    ]
    rows = tuple(
        report.Row(name, unit, report.spread([value]), target) for name, unit, value, target in figures
    )
    plot = report.Bars("Growth of processes under faults", "MiB per hour", growth)
    details = {"seed": seen.seed, "faults": dict(sorted(faults.items())), "wrong": tally.wrong}
    return report.Result("soak", rows, (plot,), details)


def main() -> None:
    """Run, print, write JSON and a plot; exit 1 when anything was lost, doubled or wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=1.0, help="jobs per second")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))  # noqa: S311 - guards nothing
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print(f"seed {chosen.seed}")
    with tempfile.TemporaryDirectory() as folder, installed(Path(folder), Plan()) as installation:
        soak = Soak(installation, chosen.seed, chosen.rate)
        soak.run(chosen.minutes)
        result = result_of(soak)
    report.show_head()
    report.show(result)
    for fault, count in result.details["faults"].items():
        print(f"  {fault:<44} {count:>5}")
    for wrong in soak.tally.wrong:
        print(f"  WRONG: {wrong}")
    print(f"\nwritten to {report.write(result).parent}")
    plots.draw(result)
    sys.exit(bool(soak.tally.wrong))


if __name__ == "__main__":
    main()
