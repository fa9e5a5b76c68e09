"""One run of a whole installation with its telemetry on: what every process traced, counted and logged."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from services.shared.broker import make_celery
from services.shared.config import Settings
from services.shared.tasks import SERVICES
from tests.faults.calls import CALL, SPEC
from tests.faults.installation import Installation, Plan
from tests.faults.proxy import Proxies
from tests.support.collector import Collector, collecting
from tests.support.redis_server import free_port
from tests.support.waiting import until

# What nobody may find anywhere but in the job itself.
WORDS: Final = "Quetzalcoatl marmalade"
FILE_NAME: Final = "complaint-of-Okonkwo.wav"
WRONG_KEY: Final = "dgm_IamNoKeyOfThisInstallation"
# Of what the fake recogniser writes down, and the fake translator makes of it.
SPOKEN: Final = ("zero one two", "zero_pt", "zero um")

# The span of a client that traces its own requests.
CLIENT_TRACE: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
CLIENT_SPAN: Final = "00f067aa0ba902b7"
_TRACEPARENT: Final = f"00-{CLIENT_TRACE}-{CLIENT_SPAN}-01"


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen of the run, after its end.

    Attributes:
        job: The call that was translated, in the client's trace.
        key: The administrator's API key.
        collector: With the spans of all processes.
        samples: Per process the samples of its metrics: name and labels, and value.
        logs: Per process the lines that it logged.
    """

    job: str
    key: str
    collector: Collector
    samples: Mapping[str, Mapping[tuple[str, frozenset[tuple[str, str]]], float]]
    logs: Mapping[str, list[str]]

    def total(self, process: str, name: str, **labels: str) -> float:
        """Return the sum of a process's samples that have these labels."""
        wanted = frozenset(labels.items())
        found = self.samples[process].items()
        return sum(value for (each, has), value in found if each == name and wanted <= has)


@contextmanager
def observing(home: Path) -> Iterator[Observed]:
    """Run it all, then show what was seen; nothing is left of the processes."""
    with ExitStack() as stack:
        collector = stack.enter_context(collecting())
        installation = Installation(home, stack.enter_context(Proxies()), _plan(collector))
        for member in (installation.gateway, *installation.servers()):
            member._environment["DRAGOMAN_METRICS_PORT"] = str(free_port())
        stack.callback(installation.stop)
        installation.start()
        job = _run(installation)
        samples = {member.kind: _scraped(member._environment) for member in _members(installation)}
        key = (home / "admin.key").read_text().strip()
        # They send what is left while they end.
        for member in _members(installation):
            member.stop()
        logs = {member.kind: member.log_since(0) for member in _members(installation)}
        yield Observed(job, key, collector, samples, logs)


def _plan(collector: Collector) -> Plan:
    settings = {
        "DRAGOMAN_OTLP_ENDPOINT": collector.endpoint,
        "DRAGOMAN_GATEWAY_MAX_TENANT_BACKLOG_JOBS": "1",
        "DRAGOMAN_LOG_LEVEL": "debug",
        # So all that is seen was sent at the end of its process.
        "OTEL_BSP_SCHEDULE_DELAY": "600000",
    }
    return Plan(workers=1, servers=1, reconcilers=1, settings=settings)


def _members(installation: Installation) -> list[Any]:
    return [member for member in installation.members.values() if member is not installation.redis]


def _run(installation: Installation) -> str:
    """Let happen, once, whatever is counted, and translate a call. Return the call's id."""
    text = {
        "kind": "text_translation",
        "text": WORDS,
        "source_language": "en",
        "target_language": "pt",
        "metadata": {"note": WORDS},
    }
    _lose_a_hint(installation, text)
    job = _post(installation, SPEC, CALL, {"traceparent": _TRACEPARENT})
    _finished(installation, job, "succeeded")
    _finished(installation, _post(installation, text), "succeeded")
    speech = {"kind": "speech", "text": WORDS, "language": "pt-BR", "audio": {"codec": "wav"}}
    _finished(installation, _post(installation, speech), "succeeded")
    mono = {"kind": "transcription", "channels": [{"role": "agent", "source_language": "en"}] * 3}
    _finished(installation, _post(installation, mono, CALL), "failed")
    _send_hints_too_many(installation)
    until(lambda: _decided(installation))
    refused = installation.client._http.get(
        f"/v1/jobs?api_key={WRONG_KEY}&note={WORDS}",
        headers={"authorization": f"Bearer {WRONG_KEY}", "traceparent": _TRACEPARENT},
    )
    assert refused.status_code == httpx.codes.UNAUTHORIZED
    return job


def _lose_a_hint(installation: Installation, spec: dict[str, Any]) -> None:
    """Have a job wait while the backlog is full, and its hint lost; the reconciler sends another one."""
    (worker,) = installation.workers("translation")
    worker.stop()
    job = _post(installation, spec)
    full = installation.client.post(spec, None, "one too many")
    assert full.status_code == httpx.codes.TOO_MANY_REQUESTS, full.text
    installation.store.delete("dragoman:celery:translation")
    worker.start()
    _finished(installation, job, "succeeded")


def _send_hints_too_many(installation: Installation) -> None:
    """Send each service a hint that says nothing of itself, as another version may, and finds no unit."""
    url = f"redis://127.0.0.1:{installation.redis_port}/0"
    app = make_celery(Settings(redis_url=url), "test")
    for service in SERVICES:
        app.send_task(service, queue=service, retry=False)
    app.close()
    workers = installation.workers()
    until(lambda: all(worker.metric("dragoman_idle_hints_total") for worker in workers))


def _decided(installation: Installation) -> bool:
    """Say whether the gateway shows how many replicas there should be."""
    return any(name == "dragoman_desired_replicas" for name, _ in _scraped(installation.gateway._environment))


def _post(
    installation: Installation, spec: dict[str, Any], file: bytes | None = None, headers: Any = None
) -> str:
    client = installation.client
    parts: dict[str, Any] = {"json": spec}
    if file is not None:
        parts = {"files": {"file": (FILE_NAME, file)}, "data": {"spec": json.dumps(spec)}}
    answer = client._http.post("/v1/jobs", headers=client._headers() | (headers or {}), **parts)
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    return str(answer.json()["id"])


def _finished(installation: Installation, job: str, state: str) -> None:
    found = installation.client.wait(job)
    assert found["state"] == state, found


def _scraped(environment: Mapping[str, str]) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    url = f"http://127.0.0.1:{environment['DRAGOMAN_METRICS_PORT']}/metrics"
    text = httpx.get(url, trust_env=False, timeout=10).text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
