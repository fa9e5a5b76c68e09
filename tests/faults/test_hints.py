"""Hints that are lost, doubled and out of order: the ledger knows better."""

from __future__ import annotations

import pytest

from tests.faults import broker
from tests.faults.calls import SPEC
from tests.faults.installation import Plan
from tests.faults.trial import Trial
from tests.support.waiting import until

_JOBS = 12
_TEXT = {"kind": "text_translation", "source_language": "en", "target_language": "pt-BR", "text": "Good day."}


@pytest.fixture(scope="module")
def plan() -> Plan:
    """Workers that take few units at once, so that hints wait."""
    return Plan(settings={"DRAGOMAN_ASR_WORKERS": "1", "DRAGOMAN_TTS_WORKERS": "1"})


def _backlog(trial: Trial) -> None:
    """Have more recordings to segment than workers take."""
    for proxy in trial.installation.proxies["asr"]:
        proxy.hold()
    trial.submit(_JOBS, SPEC)
    workers = len(trial.installation.workers("asr"))
    until(lambda: trial.ledger.waiting_units("asr.segment") == 2 * _JOBS - workers)


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_jobs_whose_hints_were_lost_are_done_all_the_same(trial: Trial, share: float) -> None:
    _backlog(trial)
    lost = broker.lose(trial.installation.store, share, trial.random)
    trial.hit(lost)
    assert lost
    until(lambda: broker.queued(trial.installation.store) >= trial.ledger.waiting_units("asr.segment"))
    trial.installation.release()
    assert trial.settle().rescued >= lost


def test_jobs_whose_hints_all_came_fifty_times_run_each_unit_once(trial: Trial) -> None:
    _backlog(trial)
    trial.hit(broker.multiply(trial.installation.store, 50, trial.random))
    trial.installation.release()
    assert trial.settle().reruns == 0


def test_everything_that_celery_keeps_may_be_deleted(trial: Trial) -> None:
    _backlog(trial)
    trial.hit(broker.forget(trial.installation.store))
    trial.installation.release()
    assert trial.settle().rescued >= 1


def test_a_long_queue_causes_no_hints_beyond_one_for_each_unit(trial: Trial) -> None:
    _backlog(trial)
    # Several looks of the reconcilers later none has been added.
    for _ in range(3):
        text = trial.client.submit({**_TEXT})
        trial.client.wait(text)
    assert broker.queued(trial.installation.store) == trial.ledger.waiting_units("asr.segment")
    trial.installation.release()
    # A hint that a busy worker holds for long looks lost; that must stay the exception.
    assert trial.settle().rescued < _JOBS
