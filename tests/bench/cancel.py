"""How soon the models are free after a job is cancelled, whatever it was doing just then."""

from __future__ import annotations

import random
import time
from typing import Final

import psutil

from tests.bench import stack
from tests.bench.call import SPEC, recordings
from tests.bench.report import Bars, Result, Row, spread
from tests.bench.stack import Running

_CANCELS: Final = 16
_SEED: Final = 7
_LOOK_S: Final = 0.1
# A server at work uses far more of a look's time, one at rest less.
_BUSY_SHARE: Final = 0.2
_GIVE_UP_S: Final = 60.0


def run() -> Result:
    """Cancel a call at random moments of its work; each time wait until no model server computes."""
    chosen = random.Random(_SEED)  # noqa: S311 - spreads the moments, guards nothing
    with stack.running() as up:
        call = recordings()[0]
        whole_s = up.translate([call]).wall_s
        moments = [chosen.uniform(0.05, 0.95) * whole_s for _ in range(_CANCELS)]
        free, over = zip(*(_cancelled_at(up, moment) for moment in moments), strict=True)
    most = spread(free).p95
    return Result(
        "cancel",
        (
            Row("from cancel until every model is free", "s", spread(free)),
            Row("the same, 95th percentile", "s", spread([most]), "<= 2"),
            Row("from cancel until the job is cancelled", "s", spread(over)),
        ),
        (Bars("From cancel until free", "s", {"median": spread(free).median, "p95": most}, 2.0),),
        {"seed": _SEED, "moments_s": [round(moment, 1) for moment in moments], "whole_call_s": whole_s},
    )


def _cancelled_at(up: Running, moment_s: float) -> tuple[float, float]:
    """Return the seconds from a cancel until the models are free, and until the job has ended."""
    job = up.gateway.jobs.submit(SPEC, file=recordings()[0])
    time.sleep(moment_s)
    servers = [each for name, found in up.processes().items() if name.endswith("server") for each in found]
    began, asked = time.perf_counter(), time.time()
    up.gateway.jobs.cancel(job)
    free_s = _until_idle(servers, began)
    while not (state := up.gateway.jobs.get(job)).final:
        assert time.perf_counter() - began < _GIVE_UP_S, "the job does not end"
        time.sleep(_LOOK_S)
    assert state.state == "cancelled", state.state
    assert state.finished_at is not None
    return free_s, state.finished_at.timestamp() - asked


def _until_idle(servers: list[psutil.Process], began: float) -> float:
    """Return when the servers were last seen to compute, in seconds after `began`."""
    busy_s, used_s = 0.0, _used_s(servers)
    quiet = 0
    while quiet < 3:
        assert time.perf_counter() - began < _GIVE_UP_S, "the models compute on"
        time.sleep(_LOOK_S)
        now_s = _used_s(servers)
        if now_s - used_s > _BUSY_SHARE * _LOOK_S:
            busy_s, quiet = time.perf_counter() - began, 0
        else:
            quiet += 1
        used_s = now_s
    return busy_s


def _used_s(servers: list[psutil.Process]) -> float:
    """Return the processor time that processes have used; one that has ended uses no more."""
    total = 0.0
    for server in servers:
        try:
            total += sum(server.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
    return total
