"""What the gateway costs: small requests next to a bare FastAPI route, a clip next to the library, crowds."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench import http_clip, http_crowd, http_load
from tests.bench.http_house import RECONCILER, House, first_core, house, listens, on
from tests.bench.http_load import Line, Outcome
from tests.bench.report import Bars, Result, Row, Spread, spread
from tests.support.gateway_house import fakes, lite
from tests.support.redis_server import free_port
from tests.support.waiting import until

_PASSES: Final = 5
_PASS_S: Final = 4.0
_WARM_S: Final = 1.0
_CONNECTIONS: Final = 16
_JOBS: Final = 50
_PAIRS: Final = 25
_WATCHERS: Final = 200
_UPLOADS: Final = 50
_UPLOAD_BYTES: Final = 2 * 1024 * 1024
_LARGE_BYTES: Final = 2 * 1024**3
# Room for the form around a file of 2 GiB.
_MAX_BYTES: Final = _LARGE_BYTES + 1024**2
_PEERS: Final = ("bare", "redis")
_NAMES: Final = {"gateway": "gateway", "bare": "bare FastAPI route", "redis": "bare route and one Redis call"}

Passes = dict[str, list[Outcome]]


@dataclass(frozen=True, slots=True)
class Small:
    """Small requests of one sort.

    Attributes:
        name: In the table.
        requests: To send in turn.
        status: That each must be answered with.
    """

    name: str
    requests: Sequence[bytes]
    status: int


def run() -> Result:
    """Measure all."""
    with house(fakes(), gateway_max_upload_bytes=_MAX_BYTES) as here:
        with _peers(here) as ports:
            small = {each.name: _measured(each, ports) for each in _small(here)}
        ways = {"form": False, "tus": True}
        larges = {
            name: asyncio.run(http_crowd.large(here, _LARGE_BYTES, resumably=resumably))
            for name, resumably in ways.items()
        }
        with here.process(RECONCILER):
            seen = asyncio.run(http_crowd.crowd(here, _WATCHERS, _UPLOADS, _UPLOAD_BYTES))
    with tempfile.TemporaryDirectory() as folder, house(lite()) as here:
        clip = http_clip.compared(here, Path(folder), _PAIRS)
    rows = (
        *(row for name, passes in small.items() for row in _small_rows(name, passes)),
        *_clip_rows(clip),
        *_crowd_rows(seen),
        *(row for name, large in larges.items() for row in _large_rows(name, large)),
    )
    details = {"connections": _CONNECTIONS, "heard": clip.texts, "errors": seen.errors}
    return Result("http_gateway", rows, (*_small_plots(small), _clip_plot(clip), _crowd_plot(seen)), details)


@contextmanager
def _peers(here: House) -> Iterator[Mapping[str, int]]:
    """Have the bare apps beside the gateway, on its core; yield where each listens."""
    with ExitStack() as ends:
        body = here.log.with_name("body.json")
        job = asyncio.run(http_crowd.submitted(here))
        body.write_bytes(asyncio.run(_one(here, http_load.get(f"/v1/jobs/{job}", here.key))))
        ports = {"gateway": here.port}
        for kind in _PEERS:
            ports[kind] = free_port()
            with on(first_core()):
                ends.enter_context(
                    here.process("tests.bench.http_peer", kind, str(body), http_port=ports[kind])
                )
        until(lambda: all(listens(port) for port in ports.values()))
        yield ports


async def _one(here: House, request: bytes) -> bytes:
    line = await Line.open(here.port)
    answer = await line.ask(request)
    line.close()
    assert answer.status == 200, answer.body
    return answer.body


def _small(here: House) -> Iterator[Small]:
    jobs = [asyncio.run(http_crowd.submitted(here)) for _ in range(_JOBS)]
    yield Small("status reads", [http_load.get(f"/v1/jobs/{job}", here.key) for job in jobs], 200)
    yield Small("small submits", [http_load.post("/v1/jobs", here.key, http_crowd.TEXT)], 202)


def _measured(small: Small, ports: Mapping[str, int]) -> Passes:
    """Load each in turn, several times, so that what else the machine does meets all of them."""
    passes: Passes = {name: [] for name in ports}
    for number in range(_PASSES + 1):
        for name, port in ports.items():
            seconds = _PASS_S if number else _WARM_S
            outcome = asyncio.run(http_load.load(port, small.requests, seconds, _CONNECTIONS, small.status))
            if number:
                passes[name].append(outcome)
    return passes


def _small_rows(name: str, passes: Passes) -> Iterator[Row]:
    for peer, outcomes in passes.items():
        yield Row(f"{name}: {_NAMES[peer]}", "req/s", spread([each.rate for each in outcomes]))
        yield Row(f"{name}: {_NAMES[peer]}, p99", "ms", spread([each.p99_ms for each in outcomes]))
    own = passes["gateway"]
    for peer in _PEERS:
        pairs = zip(own, passes[peer], strict=True)
        ratio = spread([one.rate / other.rate for one, other in pairs])
        yield Row(f"{name}: over {_NAMES[peer]}", "ratio", ratio, ">= 0.6" if peer == "bare" else "")
    failures = [sum(each.failures for each in own)]
    yield Row(f"{name}: failed", "count", spread(failures), "<= 0")


def _small_plots(small: Mapping[str, Passes]) -> Iterator[Bars]:
    for name, passes in small.items():
        rates = {_NAMES[peer]: spread([each.rate for each in outs]).median for peer, outs in passes.items()}
        yield Bars(f"{name.capitalize()} on one core", "req/s", rates, 0.6 * rates[_NAMES["bare"]])


def _clip_rows(clip: http_clip.Clip) -> Iterator[Row]:
    added = [one - other for one, other in zip(clip.service_ms, clip.library_ms, strict=True)]
    yield Row("a clip of 5 s: faster-whisper in process", "ms", spread(clip.library_ms))
    yield Row("a clip of 5 s: /v1/audio/transcriptions", "ms", spread(clip.service_ms))
    yield Row("a clip of 5 s: added", "ms", spread(added), "<= 15")


def _clip_plot(clip: http_clip.Clip) -> Bars:
    medians = {
        "faster-whisper in process": spread(clip.library_ms).median,
        "/v1/audio/transcriptions": spread(clip.service_ms).median,
    }
    return Bars("A clip of 5 s", "ms", medians)


def _crowd_rows(seen: http_crowd.Crowd) -> Iterator[Row]:
    yield Row(f"{_WATCHERS} watchers: first event", "ms", _ms(seen.first_s))
    yield Row(f"{_WATCHERS} watchers: last event, after the cancel", "ms", _ms(seen.last_s))
    yield Row(f"{_UPLOADS} uploads of 2 MiB beside them", "ms", _ms(seen.upload_s))
    yield Row("watchers and uploads with an error", "count", spread([len(seen.errors)]), "<= 0")


def _crowd_plot(seen: http_crowd.Crowd) -> Bars:
    heights = {
        "first event, p95": _ms(seen.first_s).p95,
        "last event after the cancel, p95": _ms(seen.last_s).p95,
        "upload of 2 MiB, median": _ms(seen.upload_s).median,
        "upload of 2 MiB, p95": _ms(seen.upload_s).p95,
    }
    return Bars(f"{_WATCHERS} watchers and {_UPLOADS} uploads at once", "ms", heights)


def _large_rows(name: str, large: http_crowd.Large) -> Iterator[Row]:
    size = f"{_LARGE_BYTES / 2**30:g} GiB by {name}"
    yield Row(f"{size}: memory growth", "MB", spread([large.growth_mb]), "<= 50")
    yield Row(f"{size}: rate", "MB/s", spread([large.mb_per_s]))


def _ms(times_s: Sequence[float]) -> Spread:
    return spread([1000 * each for each in times_s])
