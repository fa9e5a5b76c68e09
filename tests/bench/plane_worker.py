"""A stage worker without models: `python -m tests.bench.plane_worker SERVICE SLOTS`.

Its units sleep for a time between the two of their job's `unit_ms`, the same for every job of one `seed`.
They give a call its `channels` and a channel its `regions`, and pass on what their payload brings: `filler`
from payload to output, the artifact `input` to an artifact of their own.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence
from typing import Any

from services.shared.config import Settings, load
from services.shared.stage import Child, Output, Work, run_worker
from services.shared.tasks import DECODE, SEGMENT, STAGES, service_of


def handle(work: Work) -> Output:
    """Do what the job's spec and the unit's payload say."""
    claim = work.claim
    spec = claim.spec
    time.sleep(length_s(spec.get("seed", ""), spec.get("unit_ms", (0, 0)), claim.stage, claim.index))
    return Output(_passed_on(work), _children(work))


def length_s(seed: str, unit_ms: Sequence[int], stage: str, index: str) -> float:
    """Return how long a unit sleeps: between the two of `unit_ms`."""
    chance = random.Random(f"{seed} {stage} {index}")  # noqa: S311 - guards nothing
    return chance.uniform(*unit_ms) / 1000


def _passed_on(work: Work) -> dict[str, Any]:
    match work.claim.payload:
        case {"filler": str(text)}:
            return {"filler": text}
        case {"input": str(key)}:
            return {"key": work.artifacts.put(work.key("output"), work.artifacts.get(key)).key}
    return {}


def _children(work: Work) -> tuple[Child, ...]:
    spec, index = work.claim.spec, work.claim.index
    if work.claim.stage == DECODE:
        return tuple(Child(f"c{number}", {}) for number in range(spec.get("channels", 0)))
    if work.claim.stage == SEGMENT:
        return tuple(region(index, number) for number in range(spec.get("regions", 0)))
    return ()


def region(channel: str, number: int) -> Child:
    """Return a region of a second's length."""
    return Child(f"{channel}r{number}", {"start_ms": 1000 * number, "end_ms": 1000 * (number + 1)})


def main() -> None:
    """Run the worker of the service, with the slots that the command line names."""
    service, slots = sys.argv[1], int(sys.argv[2])
    stages = [stage for stage in STAGES if service_of(stage) == service]
    run_worker(service, dict.fromkeys(stages, handle), load(Settings), slots)


if __name__ == "__main__":
    main()
