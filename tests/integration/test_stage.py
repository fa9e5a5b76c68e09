"""A stage worker settles each unit that it takes, done, given back or dead, and leaves no litter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
import redis

from protos.v1 import asr_pb2, asr_pb2_grpc, common_pb2, translation_pb2, translation_pb2_grpc
from services.shared import stage, telemetry
from services.shared.artifacts.local import LocalArtifacts
from services.shared.config import Settings
from services.shared.errors import (
    ConnectionLost,
    DragomanError,
    InternalError,
    InvalidMedia,
    Overloaded,
    StorageFailure,
    Timeout,
    Unavailable,
)
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Child, Claim, Output
from services.shared.rpc import server
from services.shared.rpc.admission import Admission
from services.shared.stage import Handler, Work
from services.shared.tasks import DECODE, TRANSLATE, Hint
from tests.conftest import Logged
from tests.support.calls import finishing, hurried, new_job, nodes, take
from tests.support.redis_server import free_port
from tests.support.stage_bench import UNIT, Bench, bench
from tests.support.translator import Gate, serving
from tests.support.waiting import becomes

__all__ = ["bench"]

SECRET = "my card number is four two seven"
ATTEMPTS = nodes("speech_translation")[0].attempts


def idle_hints() -> float:
    labels = {"service": "codec"}
    return telemetry.REGISTRY.get_sample_value("dragoman_idle_hints_total", labels) or 0


def storing(work: Work) -> Output:
    stored = work.artifacts.put(work.key("audio.wav"), b"sound")
    return Output({"audio": stored.key})


def raising(error: Exception) -> Handler:
    def handle(work: Work) -> Output:
        work.artifacts.put(work.key("half.wav"), b"sou")
        raise error

    return handle


def test_a_unit_is_done_with_its_output_kept(bench: Bench) -> None:
    bench.run(storing)
    assert bench.unit().state == "done"
    assert bench.unit().output == {"audio": f"acme/job_1/{DECODE}/job.1/audio.wav"}
    assert bench.stored() == [f"acme/job_1/{DECODE}/job.1/audio.wav"]


def test_the_children_of_a_unit_are_hinted_at(bench: Bench) -> None:
    bench.run(lambda _work: Output({}, (Child("c0", {"channel": 0}), Child("c1", {"channel": 1}))))
    assert bench.sent == [Hint("asr"), Hint("asr")]


def test_a_handler_gets_its_claim_and_a_deadline(bench: Bench) -> None:
    seen: list[Work] = []

    def handle(work: Work) -> Output:
        seen.append(work)
        return Output({})

    bench.run(handle, settings=Settings(unit_deadline_s=7))
    assert (seen[0].deadline_s, seen[0].request_id, seen[0].claim.tenant) == (7, UNIT, "acme")
    assert not seen[0].lease.ended


@pytest.mark.parametrize(
    ("asked", "priority"),
    [
        ({"priority": "interactive"}, common_pb2.PRIORITY_INTERACTIVE),
        ({"priority": "batch"}, common_pb2.PRIORITY_BATCH),
        ({}, common_pb2.PRIORITY_BATCH),
    ],
)
def test_what_a_handler_asks_for_says_who_wants_it_and_how_soon(
    ledger: Ledger, tmp_path: Path, asked: dict[str, str], priority: common_pb2.Priority.ValueType
) -> None:
    seen = handled(ledger, tmp_path, asked)
    assert seen.context == common_pb2.RequestContext(request_id=UNIT, tenant="acme", priority=priority)


def test_a_handler_asks_for_the_models_that_the_job_names(ledger: Ledger, tmp_path: Path) -> None:
    seen = handled(ledger, tmp_path, {"models": {"asr": "whisper-small-int8"}})
    assert (seen.model("asr"), seen.model("translation")) == ("whisper-small-int8", "")


@pytest.mark.parametrize("spec", [{}, {"models": None}])
def test_a_job_of_before_there_were_models_to_name_leaves_them_to_the_services(
    ledger: Ledger, tmp_path: Path, spec: dict[str, None]
) -> None:
    assert handled(ledger, tmp_path, spec).model("asr") == ""


def handled(ledger: Ledger, folder: Path, spec: Mapping[str, Any]) -> Work:
    """Run the first unit of a job with more in its spec; return what its handler got."""
    seen: list[Work] = []

    def handle(work: Work) -> Output:
        seen.append(work)
        return Output({})

    made = new_job()
    ledger.submit(replace(made, spec={**made.spec, **spec}))
    Bench(ledger, folder).run(handle)
    return seen[0]


def test_a_hint_too_many_finds_nothing_and_is_counted(bench: Bench) -> None:
    before = idle_hints()
    bench.run(storing)
    bench.run(storing)
    bench.run(raising(AssertionError("there is nothing more")))
    assert bench.unit().state == "done"
    assert idle_hints() == before + 1


def test_an_error_that_will_not_pass_ends_the_unit(bench: Bench) -> None:
    bench.run(raising(InvalidMedia("The file is empty; send another.", code="empty_file")))
    unit = bench.unit()
    assert (unit.state, unit.error_code) == ("dead", "empty_file")
    assert unit.error_detail == "The file is empty; send another."
    assert bench.stored() == []
    assert finishing(bench.ledger) == {"job_1"}


def test_an_error_that_may_pass_is_tried_again_up_to_the_cap(bench: Bench) -> None:
    for _ in range(ATTEMPTS - 1):
        bench.run(raising(InternalError("It failed.", code="odd")))
        assert bench.unit().state == "ready"
    assert bench.sent == [Hint("codec")] * (ATTEMPTS - 1)
    bench.run(raising(InternalError("It failed.", code="odd")))
    assert (bench.unit().state, bench.unit().error_code) == ("dead", "odd")
    assert bench.stored() == []


@pytest.mark.parametrize("error", [ConnectionLost("It broke."), Timeout("It hangs.")])
def test_a_server_that_dies_or_hangs_under_a_unit_has_a_budget_of_its_own(
    bench: Bench, error: DragomanError
) -> None:
    for _ in range(bench.ledger.policy.max_losses):
        assert bench.unit().state == "ready"
        bench.run(raising(error))
    assert (bench.unit().state, bench.unit().error_code) == ("dead", error.code)


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("It is away."),
        Overloaded("It is full."),
        StorageFailure("The disk is full.", code="storage_full"),
    ],
)
def test_what_is_away_or_full_costs_no_attempt(bench: Bench, error: DragomanError) -> None:
    for _ in range(20):
        bench.run(raising(error))
    bench.run(storing)
    assert bench.unit().state == "done"
    assert bench.stored() == [f"acme/job_1/{DECODE}/job.21/audio.wav"]


def test_a_stored_file_that_is_damaged_costs_attempts(bench: Bench) -> None:
    for _ in range(ATTEMPTS):
        bench.run(raising(StorageFailure("It is damaged.", code="artifact_corrupt")))
    assert (bench.unit().state, bench.unit().error_code) == ("dead", "artifact_corrupt")


def test_a_defect_is_logged_by_place_and_not_by_text(bench: Bench, logged: Logged) -> None:
    for _ in range(ATTEMPTS):
        bench.run(raising(RuntimeError(SECRET)))
    assert (bench.unit().state, bench.unit().error_code) == ("dead", "internal_error")
    assert SECRET not in str(bench.unit()) + str(logged())
    assert {line["error"] for line in logged() if line["event"] == "unit failed"} == {"RuntimeError"}


def test_the_wait_before_another_attempt_grows_to_a_minute_and_is_never_the_same_for_all() -> None:
    first, last = waits(InternalError("flaky"), 1), waits(InternalError("flaky"), 1000)
    assert all(250 <= wait <= 500 for wait in first)
    assert all(30_000 <= wait <= 60_000 for wait in last)
    assert len(first) > 1


def test_what_waits_for_a_service_that_is_away_looks_again_soon() -> None:
    assert all(2_500 <= wait <= 5_000 for wait in waits(Unavailable("away"), 1000))


def waits(error: DragomanError, attempt: int) -> set[int]:
    """Return the waits in milliseconds that follow many failures of one kind."""
    return {stage._failure(error, attempt).delay_ms for _ in range(50)}


def calling(outcome: list[BaseException]) -> Handler:
    """Make a handler that asks the translation service, and notes how the call ended."""

    def handle(work: Work) -> Output:
        work.artifacts.put(work.key("half.wav"), b"sou")
        stub = translation_pb2_grpc.TranslationStub(work.channels.to("translation"))
        try:
            answer = work.unary(stub.Translate, translation_pb2.TranslateRequest(texts=["hello"]))
        except DragomanError as error:
            outcome.append(error)
            raise
        return Output({"answers": len(answer.translations)})

    return handle


async def test_a_cancelled_job_ends_the_call_that_runs_for_it(bench: Bench) -> None:
    gate, outcome = Gate(), list[BaseException]()
    async with serving(gate) as running:
        settings = Settings(translation_port=running.port)
        work = asyncio.create_task(asyncio.to_thread(bench.run, calling(outcome), "codec", settings))
        assert await asyncio.to_thread(gate.entered.acquire, timeout=30)
        bench.ledger.cancel("job_1")
        await work
        await becomes(gate.gone.is_set)
        gate.opened.set()
    assert [type(error).__name__ for error in outcome] == ["Cancelled"]
    assert bench.unit().error_code == "cancelled"
    assert bench.stored() == []
    assert finishing(bench.ledger) == {"job_1"}


async def test_a_worker_that_is_told_to_stop_gives_its_unit_back_at_no_cost(bench: Bench) -> None:
    gate, outcome = Gate(), list[BaseException]()
    async with serving(gate) as running:
        runner = bench.runner(calling(outcome), Settings(translation_port=running.port))
        work = asyncio.create_task(asyncio.to_thread(runner.run, "codec"))
        assert await asyncio.to_thread(gate.entered.acquire, timeout=30)
        runner.drain()
        await work
        gate.opened.set()
    assert bench.sent == [Hint("codec")]
    assert bench.stored() == []
    again = take(bench.ledger, UNIT)
    assert (again.attempt, again.failures) == (2, 0)


async def test_a_server_that_drains_under_a_call_costs_the_unit_nothing(bench: Bench) -> None:
    gate, outcome = Gate(), list[BaseException]()
    async with serving(gate) as running:
        settings = Settings(translation_port=running.port)
        work = asyncio.create_task(asyncio.to_thread(bench.run, calling(outcome), "codec", settings))
        assert await asyncio.to_thread(gate.entered.acquire, timeout=30)
        await running.stop(0.1)
        await work
        gate.opened.set()
    assert bench.unit().state == "ready"
    assert take(bench.ledger, UNIT).failures == 0


class Listener(asr_pb2_grpc.AsrServicer):
    """Reads a channel to its end."""

    async def GetCapabilities(self, request: object, context: object) -> asr_pb2.AsrCapabilities:  # noqa: N802 - gRPC's name
        return asr_pb2.AsrCapabilities()

    async def Transcribe(self, request_iterator: object, context: object) -> asr_pb2.TranscribeResponse:  # noqa: N802 - gRPC's name
        return asr_pb2.TranscribeResponse()

    async def Segment(  # noqa: N802 - gRPC's name
        self, request_iterator: AsyncIterator[asr_pb2.SegmentRequest], context: object
    ) -> asr_pb2.SegmentResponse:
        await server.collect(request_iterator, "config", "audio", 1000)
        return asr_pb2.SegmentResponse()


async def test_an_input_that_is_gone_while_it_is_sent_is_named_as_such(bench: Bench) -> None:
    def register(into: grpc.aio.Server, _core: server.Lazy[None], _admission: Admission) -> None:
        asr_pb2_grpc.add_AsrServicer_to_server(Listener(), into)

    def handle(work: Work) -> Output:
        stub = asr_pb2_grpc.AsrStub(work.channels.to("asr"))
        requests = (asr_pb2.SegmentRequest(audio=part) for part in work.artifacts.stream("acme/gone"))
        work.unary(stub.Segment, requests)
        return Output({})

    spec = server.ServerSpec("asr", "dragoman.v1.Asr", lambda: None, register, 1, 1)
    running = await server.start(spec, Settings())
    await asyncio.to_thread(bench.run, handle, "codec", Settings(asr_port=running.port))
    await running.stop()
    assert (bench.unit().state, bench.unit().error_code) == ("dead", "artifact_not_found")


def test_a_service_that_is_not_there_is_waited_for(bench: Bench) -> None:
    outcome = list[BaseException]()
    bench.run(calling(outcome), settings=Settings(translation_port=free_port()))
    assert [type(error).__name__ for error in outcome] == ["Unavailable"]
    assert bench.unit().state == "ready"
    assert take(bench.ledger, UNIT).failures == 0


def test_a_worker_that_lost_its_lease_throws_its_output_away_and_leaves_the_other_ones(bench: Bench) -> None:
    def frozen(work: Work) -> Output:
        hurried(bench.ledger).renew(work.claim)
        bench.ledger.due(10)
        bench.run(storing)
        return storing(work)

    bench.run(frozen)
    assert bench.unit().output == {"audio": f"acme/job_1/{DECODE}/job.2/audio.wav"}
    assert bench.stored() == [f"acme/job_1/{DECODE}/job.2/audio.wav"]


def test_a_worker_that_lost_its_lease_and_then_crashes_harms_nothing(bench: Bench) -> None:
    def frozen(work: Work) -> Output:
        hurried(bench.ledger).renew(work.claim)
        bench.ledger.due(10)
        bench.run(storing)
        raise RuntimeError(SECRET)

    bench.run(frozen)
    assert bench.unit().state == "done"


class LosesReplies(Ledger):
    """A ledger whose answer to `complete` is lost after it took effect."""

    def complete(self, claim: Claim, output: Output, served_ms: int = 0) -> tuple[Hint, ...]:
        super().complete(claim, output)
        raise redis.ConnectionError


def test_an_output_whose_acknowledgement_was_lost_is_kept(bench: Bench) -> None:
    bench.ledger = LosesReplies(bench.ledger._redis, bench.ledger._prefix, bench.ledger.policy)
    with pytest.raises(redis.ConnectionError):
        bench.run(storing)
    assert bench.unit().output == {"audio": f"acme/job_1/{DECODE}/job.1/audio.wav"}
    assert bench.stored() == [f"acme/job_1/{DECODE}/job.1/audio.wav"]


class CannotDelete(LocalArtifacts):
    """A store that fails when something is deleted."""

    def delete_prefix(self, prefix: str) -> int:
        raise StorageFailure("The disk is read-only.")


def test_a_store_that_cannot_be_tidied_still_gives_the_unit_back(bench: Bench, tmp_path: Path) -> None:
    bench.artifacts = CannotDelete(tmp_path)
    for _ in range(ATTEMPTS):
        assert bench.unit().state == "ready"
        bench.run(raising(InternalError("It failed.", code="odd")))
    assert (bench.unit().state, bench.unit().error_code) == ("dead", "odd")


def test_a_store_that_cannot_be_written_to_gives_the_unit_back_until_it_can(bench: Bench) -> None:
    blocker = bench.artifacts._objects / "acme"
    blocker.write_bytes(b"a file where a folder must be")
    for _ in range(ATTEMPTS + 1):
        bench.run(storing)
        assert bench.unit().state == "ready"
    blocker.unlink()
    bench.run(storing)
    assert bench.unit().state == "done"


def test_the_time_of_each_unit_is_measured_by_stage_and_outcome(bench: Bench) -> None:
    def count(outcome: str) -> float:
        labels = {"stage": TRANSLATE, "outcome": outcome}
        return telemetry.REGISTRY.get_sample_value("dragoman_stage_seconds_count", labels) or 0

    before = count("done"), count("invalid_media")
    for name, handler in (("job_2", storing), ("job_3", raising(InvalidMedia("No.")))):
        bench.ledger.submit(new_job(name, "text_translation"))
        bench.run(handler, "translation")
        bench.ledger.finish(name, "failed", {})
        bench.ledger.erase(name)
    assert (count("done"), count("invalid_media")) == (before[0] + 1, before[1] + 1)
