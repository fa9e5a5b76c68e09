"""A stage worker knows how long its calls held slots, and whether its threads hang."""

from __future__ import annotations

import asyncio
import time

import pytest

from protos.v1 import common_pb2, translation_pb2, translation_pb2_grpc, tts_pb2, tts_pb2_grpc
from services.shared.config import Settings
from services.shared.errors import InternalError
from services.shared.ledger.records import Output
from services.shared.rpc import server
from services.shared.stage import Work
from services.shared.tasks import DECODE, STAGES
from tests.support import fragile
from tests.support.stage_bench import Bench, bench
from tests.support.waiting import until

__all__ = ["bench"]


async def test_the_time_that_its_calls_held_slots_is_kept_with_the_stage(bench: Bench) -> None:
    worked: list[float] = []

    def work(text: str, _gone: object) -> str:
        began = time.monotonic()
        time.sleep(0.01)
        worked.append(time.monotonic() - began)
        return text

    def handle(work: Work) -> Output:
        translator = translation_pb2_grpc.TranslationStub(work.channels.to("translation"))
        speaker = tts_pb2_grpc.TtsStub(work.channels.to("translation"))
        work.unary(translator.GetCapabilities, common_pb2.CapabilitiesRequest())
        assert work.served_ms == 0, "it held no slot"
        work.unary(translator.Translate, translation_pb2.TranslateRequest(texts=["a", "b"]))
        alone = work.served_ms
        assert list(work.stream(speaker.Synthesize, tts_pb2.SynthesizeRequest(text="c")))
        assert work.served_ms > alone
        with pytest.raises(InternalError):
            work.unary(translator.Translate, translation_pb2.TranslateRequest(texts=[""]))
        return Output({"served_ms": work.served_ms})

    def picky(text: str, gone: object) -> str:
        if not text:
            raise RuntimeError("It asked for it.")
        return work(text, gone)

    running = await server.start(fragile.spec(lambda: picky), Settings())
    began = time.monotonic()
    await asyncio.to_thread(bench.run, handle, "codec", Settings(translation_port=running.port))
    wall_ms = (time.monotonic() - began) * 1000
    await running.stop()
    output = bench.unit().output
    assert output is not None
    assert sum(worked) * 1000 <= output["served_ms"] <= wall_ms
    assert bench.ledger.stages()[DECODE]["served_ms"] == output["served_ms"]


def test_a_worker_whose_every_thread_hangs_is_not_alive(bench: Bench) -> None:
    runner = bench.runner(lambda _work: Output({}), Settings(unit_deadline_s=0.001))
    seen: list[bool] = []

    def hang(_work: Work) -> Output:
        until(lambda: not runner.alive(1))
        seen.append(runner.alive(2))
        return Output({})

    runner._handlers = dict.fromkeys(STAGES, hang)
    assert runner.alive(1)
    runner.run("codec")
    assert seen == [True]
    assert runner.alive(1)
