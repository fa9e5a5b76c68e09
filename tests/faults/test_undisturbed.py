"""Without any fault: what all other tests of this folder compare with."""

from __future__ import annotations

from tests.faults.trial import Trial


def test_undisturbed_jobs_give_the_same_bytes_and_run_every_unit_once(trial: Trial) -> None:
    trial.submit(4)
    seen = trial.settle()
    assert (seen.reruns, seen.fenced, seen.doubled) == (0, 0, 0)
