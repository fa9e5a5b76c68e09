"""The scaler: what it asks, how far a machine lets it go, and what it runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.models import Scale
from services.cli.settings import CliSettings
from services.cli.stack import local
from services.cli.stack.autoscaler import Autoscaler, Size
from services.cli.stack.compose import ComposeBackend, arguments
from services.cli.stack.embedded import Report, Stack
from services.cli.stack.local import LocalBackend, available_bytes, bounded
from services.cli.stack.table import Component
from services.shared.errors import Unavailable
from services.shared.tasks import SERVICES
from tests.support.stub_gateway import StubGateway
from tests.support.waiting import until
from tests.unit.cli.test_embedded import CHILD, Said

SLOTS = dict.fromkeys(SERVICES, 2)
# Of a model server `up` would wait for health, which a tiny process does not have.
WORKER = Component("asr-worker", CHILD, scales=True)


class Recorder:
    """A backend that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[list[Scale]] = []
        self.failing = False

    def apply(self, scales: Sequence[Scale], report: Report) -> None:
        if self.failing:
            raise Unavailable("It cannot be done now.", code="compose_failed")
        self.told.append(list(scales))


def scale(service: str, replicas: int | None, workers: int | None) -> Scale:
    return Scale(service=service, slots=2, desired_replicas=replicas, desired_workers=workers)


def test_the_loop_applies_what_the_gateway_says(gateway: StubGateway) -> None:
    entry = {"service": "asr", "slots": 2, "desired_replicas": 3, "desired_workers": 2, "reason": "backlog"}
    gateway.say("GET /v1/stages", {"stages": [], "scaling": [entry]})
    backend = Recorder()
    Autoscaler(CliSettings(), backend, Said()).step()
    assert backend.told == [[scale("asr", 3, 2)]]
    assert gateway.requests[0][1]["Authorization"] == "Bearer the-key"


def test_trouble_is_told_once_and_changes_nothing(gateway: StubGateway) -> None:
    gateway.say("GET /v1/stages", {"detail": "Away.", "code": "redis_unavailable"}, status=503)
    gateway.say("GET /v1/stages", {"detail": "Away.", "code": "redis_unavailable"}, status=503)
    gateway.say("GET /v1/stages", {"scaling": []})
    backend, said = Recorder(), Said()
    scaler = Autoscaler(CliSettings(), backend, said)
    for _ in range(3):
        scaler.step()
    assert said.lines == [("scaler", "redis_unavailable")]
    assert backend.told == [[]]
    backend.failing = True
    scaler.step()
    assert said.lines[-1] == ("scaler", "compose_failed")


def test_a_gateway_that_never_wrote_a_key_is_waited_for(environment: pytest.MonkeyPatch) -> None:
    said = Said()
    Autoscaler(CliSettings(), Recorder(), said).step()
    assert said.lines == [("scaler", "no_api_key")]


def test_those_who_miss_most_get_what_the_cores_allow() -> None:
    wishes = {"asr": Size(4, 4), "tts": Size(2, 2), "translation": Size(0, 0), "codec": Size(1, 1)}
    assert {name: size.replicas for name, size in bounded(wishes, SLOTS, 12, 4).items()} == {
        "asr": 3, "tts": 1, "translation": 1, "codec": 1,
    }  # fmt: skip
    assert bounded(wishes, SLOTS, 64, 4)["asr"] == Size(4, 4)
    assert bounded(wishes, SLOTS, 64, 3)["asr"].replicas == 3


def test_a_machine_without_free_cores_gets_nothing_more() -> None:
    wishes = {service: Size(9, 9) for service in SERVICES}
    assert {size.replicas for size in bounded(wishes, SLOTS, 2, 4).values()} == {1}


sizes = st.builds(Size, st.integers(0, 20), st.integers(0, 20))


@given(st.dictionaries(st.sampled_from(SERVICES), sizes), st.integers(1, 80), st.integers(1, 10))
def test_no_machine_gets_more_than_it_bears(wishes: dict[str, Size], cores: int, most: int) -> None:
    found = bounded(wishes, SLOTS, cores, most)
    assert set(found) == set(wishes)
    for service, size in found.items():
        assert 1 <= size.replicas <= max(1, min(most, wishes[service].replicas))
        assert 1 <= size.workers <= most
    extra = sum(2 * (size.replicas - 1) for size in found.values())
    assert extra == 0 or extra + 2 * len(SERVICES) <= cores


@pytest.fixture
def stack(environment: pytest.MonkeyPatch, repository: Path) -> Iterator[Stack]:
    # As `up` sets it for the scaler, or what that starts would end at once.
    environment.setenv("PYTHONPATH", str(repository))
    environment.setenv("DRAGOMAN_AUTOSCALE_CORES", "64")
    environment.setenv("DRAGOMAN_AUTOSCALE_RESERVE_BYTES", "0")
    environment.setenv("DRAGOMAN_AUTOSCALE_REPLICAS", "3")
    stack = Stack(CliSettings(), ((WORKER,),))
    yield stack
    stack.down(Said())


def test_spares_come_and_go_and_down_takes_the_rest(stack: Stack) -> None:
    stack.up(Said())
    backend, said = LocalBackend(stack, CliSettings()), Said()
    backend.apply([scale("asr", 1, 2)], said)
    assert said.lines == [("asr-worker-2", "started")]
    backend.apply([scale("asr", 1, 2)], said)
    assert len(said.lines) == 1, "what is there is not started twice"
    assert [each.name for each in stack.present()] == ["asr-worker", "asr-worker-2"]

    def settled() -> bool:
        backend.apply([scale("asr", 0, 0)], said)
        return [each.name for each in stack.present()] == ["asr-worker"]

    until(settled)
    assert said.lines[1:] == [("asr-worker-2", "draining"), ("asr-worker-2", "stopped")]
    backend.apply([scale("asr", 3, 3)], said)
    assert len(stack.present()) == 3
    stack.down(Said())
    assert list(stack.place(WORKER).pid_file.parent.glob("*.pid")) == []


def test_a_size_that_nobody_decides_on_any_more_stays(stack: Stack) -> None:
    stack.up(Said())
    backend, said = LocalBackend(stack, CliSettings()), Said()
    backend.apply([scale("asr", 2, 2)], said)
    before = [each.name for each in stack.present()]
    backend.apply([scale("asr", None, None)], said)
    backend.apply([], said)
    assert [each.name for each in stack.present()] == before == ["asr-worker", "asr-worker-2"]


def test_no_server_is_started_without_memory_for_it(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 99 kB\nMemAvailable:    12 kB\n")
    monkeypatch.setattr(local, "_MEMORY", tmp_path / "meminfo")
    assert available_bytes() == 12 * 1024
    server = Component("asr-server", CHILD, "asr_port", "asr", scales=True)
    settings = CliSettings(autoscale_reserve_bytes=12 * 1024 + 1)
    assert not LocalBackend(stack, settings)._has_room(server.numbered(2))
    assert LocalBackend(stack, settings)._has_room(WORKER.numbered(2)), "workers are small"
    monkeypatch.setattr(local, "_MEMORY", tmp_path / "none")
    assert available_bytes() is None


def test_further_workers_have_ports_of_their_own_after_those_of_the_scaler(
    stack: Stack, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("DRAGOMAN_METRICS_PORT", "9110")
    environment.setenv("DRAGOMAN_HEALTH_PORT", "9210")
    stack.up(Said())
    scaler = Stack(CliSettings(), ((WORKER,),), autoscale=True)
    places = [scaler.place(spare) for spare in scaler.spares_of(WORKER)]
    for spare in scaler.spares_of(WORKER):
        scaler.add(spare)
    until(lambda: all("child is ready" in place.log_tail() for place in places))
    said = [place.log_tail().partition("\n")[0] for place in places]
    scaler.down(Said())
    assert said == ["metrics at 9111, health at 9211", "metrics at 9112, health at 9212"]


def test_further_servers_have_addresses_of_their_own(environment: pytest.MonkeyPatch) -> None:
    settings = CliSettings(asr_port=50_051, asr_target="dns:///asr:50051")
    third = Component("asr-server", CHILD, "asr_port", "asr", scales=True).numbered(3)
    assert third.name == "asr-server-3"
    assert third.seen_by(settings).target_of("asr") == "127.0.0.1:50071"


@pytest.fixture
def compose(environment: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A compose that writes down what it was asked; it fails while a file named `broken` is there."""
    program, asked = tmp_path / "compose.py", tmp_path / "asked"
    program.write_text(
        f"import pathlib, sys\n"
        f"with open({str(asked)!r}, 'a') as out: print(*sys.argv[1:], file=out)\n"
        f"sys.exit(pathlib.Path({str(tmp_path / 'broken')!r}).exists())\n"
    )
    environment.setenv("DRAGOMAN_AUTOSCALE_COMPOSE", f"{sys.executable} {program}")
    return asked


def test_compose_is_told_all_sizes_at_once_and_only_when_they_change(compose: Path) -> None:
    backend, said = ComposeBackend(CliSettings()), Said()
    both = [scale("asr", 2, 1), scale("tts", 0, 0)]
    for scales in (both, both, [scale("asr", None, None), scale("tts", 1, 1)]):
        backend.apply(scales, said)
    assert [line.split() for line in compose.read_text().splitlines()] == [
        arguments({"asr": Size(2, 1), "tts": Size(0, 0)}),
        arguments({"asr": Size(2, 1), "tts": Size(1, 1)}),
    ]
    assert said.lines == [
        ("asr", "2 servers, 1 workers"), ("tts", "0 servers, 0 workers"), ("tts", "1 servers, 1 workers"),
    ]  # fmt: skip


def test_what_compose_refused_is_tried_again(compose: Path) -> None:
    broken = compose.parent / "broken"
    broken.touch()
    backend = ComposeBackend(CliSettings())
    with pytest.raises(Unavailable, match="failed"):
        backend.apply([scale("asr", 2, 1)], Said())
    broken.unlink()
    backend.apply([scale("asr", 2, 1)], Said())
    assert len(compose.read_text().splitlines()) == 2


def test_the_arguments_leave_other_services_and_running_containers_alone() -> None:
    assert arguments({"asr": Size(2, 3)}) == [
        "up", "-d", "--no-recreate", "--no-deps", "--scale", "asr=2", "--scale", "asr-worker=3",
        "asr", "asr-worker",
    ]  # fmt: skip
