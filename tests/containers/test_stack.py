"""The compose stack, for real: a call goes through it, it grows, and nothing that ends in it loses a job."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, Final

import av
import pytest

from tests.containers.stack import READY_S, SERVERS, SERVICES, Stack, patiently

pytestmark = pytest.mark.timeout(2400)

_CALL: Final = "services/cli/demo/call.wav"
_PROMPT: Final = "tests/data/en-press-9.wav"
_SPEC: Final[dict[str, Any]] = {
    "kind": "speech_translation",
    "channels": [
        {"role": "agent", "source_language": "en", "target_language": "pt-BR"},
        {"role": "customer", "source_language": "pt-BR", "target_language": "en"},
    ],
    "audio": {"codec": "opus", "bitrate_kbps": 24, "layout": "both"},
}
_SHORT: Final = {"kind": "speech_translation", "source_language": "en", "target_language": "pt-BR"}
_JOBS: Final = 20
_CALL_S: Final = 600.0
# Says from which host the image's own packages came; any host that is not this machine would do.
_WHENCE: Final = "grep -rhoE 'https?://[^/ ]+' /etc/apt | head -n 1 | cut -d / -f 3"
# Connections live half a minute; then clients resolve again, and find a new replica.
_FOUND_S: Final = 400.0


def outcome(stack: Stack, job: str) -> dict[str, list[str]]:
    """Wait for a job to succeed; return what was heard and said, per channel."""
    found = stack.client.wait(job, _CALL_S)
    assert found["state"] == "succeeded", found
    result = json.loads(stack.client.file(job, "result.json"))
    return {
        channel["role"]: [
            f"{each['source']['text']} | {each['translation']['text']}" for each in channel["regions"]
        ]
        for channel in result["channels"]
    }


def _connect(address: str) -> tuple[str, ...]:
    return ("timeout", "10", "bash", "-c", f"exec 3<>/dev/tcp/{address}/80")


@pytest.fixture(scope="module")
def call(repository: Path) -> bytes:
    """The bundled call."""
    return (repository / _CALL).read_bytes()


@pytest.fixture(scope="module")
def prompt(repository: Path) -> bytes:
    """Two seconds of English."""
    return (repository / _PROMPT).read_bytes()


@pytest.fixture(scope="module")
def translated(running: Stack, call: bytes) -> str:
    """The bundled call as a job that is over."""
    job = running.client.submit(_SPEC, call)
    running.client.wait(job, _CALL_S)
    return job


@pytest.mark.parametrize("service", SERVICES)
def test_every_container_becomes_healthy(running: Stack, service: str) -> None:
    patiently(lambda: running.healthy(service), READY_S)


@pytest.mark.parametrize("service", SERVICES)
def test_every_container_is_confined(running: Stack, service: str) -> None:
    (container,) = running.containers(service)
    status = dict(
        line.split(":\t", 1) for line in running.inside(container, "cat", "/proc/1/status").splitlines()
    )
    assert set(status["Uid"].split()) == {"10001"}
    assert (int(status["CapEff"], 16), int(status["CapBnd"], 16), status["NoNewPrivs"]) == (0, 0, "1")
    assert running.engine.attempt("exec", container, "touch", "/etc/proof").returncode != 0
    limits = running.inspect(container)["HostConfig"]
    assert limits["Memory"] > 0 and limits["NanoCpus"] > 0 and limits["PidsLimit"] > 0  # noqa: PT018 - one fact


@pytest.fixture(scope="module")
def outside(running: Stack) -> str:
    """An address beyond this machine that a container with a way out reaches."""
    (container,) = running.containers("reconciler")
    host = running.inside(container, "sh", "-c", _WHENCE).strip()
    address = running.inside(container, "getent", "ahostsv4", host).split()[0]
    running.inside(container, *_connect(address))
    return address


@pytest.mark.parametrize("service", ["redis", *SERVERS])
def test_redis_and_model_servers_reach_nobody_outside(running: Stack, outside: str, service: str) -> None:
    (container,) = running.containers(service)
    assert running.engine.attempt("exec", container, *_connect(outside)).returncode != 0


def test_only_the_gateway_is_published_and_only_on_loopback(running: Stack) -> None:
    published = {
        service: [address["HostIp"] for ports in bound.values() for address in ports or ()]
        for service in SERVICES
        for container in running.containers(service)
        if (bound := running.inspect(container)["NetworkSettings"]["Ports"])
    }
    assert {service: hosts for service, hosts in published.items() if hosts} == {"gateway": ["127.0.0.1"]}


def test_a_call_is_transcribed_translated_and_spoken(running: Stack, translated: str) -> None:
    said = outcome(running, translated)
    assert "conference number" in " ".join(said["agent"]).lower()
    assert "try again" in " ".join(said["agent"]).lower()
    assert "cartão" in " ".join(said["customer"]).lower()
    assert [line for lines in said.values() for line in lines if not line.partition(" | ")[2].strip()] == []
    with av.open(io.BytesIO(running.client.file(translated, "speech.mixed.ogg")), "r") as audio:
        assert sum(frame.samples for frame in audio.decode(audio=0)) > 40 * audio.streams.audio[0].rate


def test_two_recognisers_both_serve(running: Stack, prompt: bytes) -> None:
    running.manage("up", "-d", "--no-build", "--scale", "asr=2")
    patiently(lambda: running.healthy("asr"), READY_S)
    containers = running.containers("asr")
    assert len(containers) == 2
    before = {each: running.served(each, "dragoman.v1.Asr/Transcribe") for each in containers}

    def both_served() -> bool:
        jobs = [running.client.submit(_SHORT, prompt) for _ in range(2)]
        assert all(outcome(running, job) for job in jobs)
        served = {
            each: running.served(each, "dragoman.v1.Asr/Transcribe") - before[each] for each in containers
        }
        print("Transcribe calls since the scaling:", sorted(served.values()))
        return all(served.values())

    patiently(both_served, _FOUND_S)


def test_each_service_restarts_during_twenty_jobs_and_none_is_lost(running: Stack, prompt: bytes) -> None:
    jobs: list[str] = []
    for position, service in enumerate(SERVICES):
        while len(jobs) < _JOBS * (position + 1) / len(SERVICES):
            jobs.append(running.client.submit(_SHORT, prompt))
        running.manage("restart", "--timeout", "30", service)
    patiently(running.client.ready, READY_S)
    assert len(jobs) == _JOBS
    outcomes = [outcome(running, job) for job in jobs]
    assert [each for each in outcomes if each != outcomes[0]] == []
    assert "press" in str(outcomes[0]).lower()


@pytest.mark.parametrize("service", ["asr", "asr-worker", "redis"])
def test_a_container_killed_during_a_job_comes_back_and_the_job_ends_well(
    running: Stack, call: bytes, translated: str, service: str
) -> None:
    def at_work() -> bool:
        stage = running.client.job(job)["progress"].get("asr.transcribe", {"done": 0, "total": 0})
        return bool(0 < stage["done"] < stage["total"])

    job = running.client.submit(_SPEC, call)
    patiently(at_work, _CALL_S)
    container = running.containers(service)[0]
    running.kill(container)
    assert outcome(running, job) == outcome(running, translated)
    assert running.inspect(container)["RestartCount"] == 1


def test_a_backlog_gets_a_second_recogniser_and_its_end_takes_it_away(running: Stack, call: bytes) -> None:
    running.manage("up", "-d", "--no-build", "--scale", "asr=1")
    jobs = [running.client.submit(_SPEC, call) for _ in range(6)]
    with running.scaled():
        patiently(lambda: len(running.containers("asr")) == 2, READY_S)
        for job in jobs[3:]:
            running.client.cancel(job)
        assert all(outcome(running, job) for job in jobs[:3])
        patiently(lambda: len(running.containers("asr")) == 1, READY_S)
