"""Errors cross the wire as what they are, and nothing else crosses with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest

from protos.v1 import common_pb2, translation_pb2, translation_pb2_grpc, tts_pb2, tts_pb2_grpc
from services.shared import errors
from services.shared.rpc import client
from services.shared.rpc.wire import STATUS
from tests.conftest import Logged
from tests.support.redis_server import free_port
from tests.support.translator import ask, serving

TREE = [cls for cls in errors.tree() if cls.__module__ == errors.__name__]
SECRET = "my card number is four two seven"


def raising(error: Exception) -> Callable[[str, Callable[[], bool]], str]:
    def translate(_text: str, _gone: Callable[[], bool]) -> str:
        raise error

    return translate


async def caught_from(error: Exception) -> errors.DragomanError:
    async with serving(raising(error)) as running:
        with pytest.raises(errors.DragomanError) as caught:
            await asyncio.to_thread(ask, running.port, "hello")
        return caught.value


@pytest.mark.parametrize("family", TREE, ids=lambda cls: cls.family)
async def test_every_error_comes_back_as_itself(family: type[errors.DragomanError]) -> None:
    error = await caught_from(family("Do this: ção 50 %\nthen that.", code="narrow_code"))
    assert type(error) is family
    assert (error.code, error.detail) == ("narrow_code", "Do this: ção 50 %\nthen that.")
    assert error.retryable == family.retryable


@pytest.mark.parametrize("family", TREE, ids=lambda cls: cls.family)
async def test_every_error_has_its_status(family: type[errors.DragomanError]) -> None:
    async with (
        serving(raising(family("Why."))) as running,
        grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel,
    ):
        stub = translation_pb2_grpc.TranslationStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Translate(translation_pb2.TranslateRequest(texts=["hello"]))
    assert caught.value.code() is STATUS[family]
    assert caught.value.code() is not grpc.StatusCode.OK


async def test_a_defect_shows_its_text_to_nobody_and_its_place_to_the_log(logged: Logged) -> None:
    error = await caught_from(RuntimeError(SECRET))
    assert type(error) is errors.InternalError
    assert error.code == "internal_error"
    assert SECRET not in error.detail
    assert "RuntimeError" not in error.detail
    line, call = logged()
    assert (line["event"], line["error"]) == ("call failed", "RuntimeError")
    assert (call["event"], call["code"]) == ("call", "internal_error")
    assert line["raised_at"][-1].endswith("translate")
    assert SECRET not in str(line)


async def test_every_call_is_logged_with_the_request_that_it_serves(logged: Logged) -> None:
    context = common_pb2.RequestContext(request_id="job_7:unit", tenant="acme")
    async with (
        serving(lambda text, _gone: text) as running,
        grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel,
    ):
        stub = translation_pb2_grpc.TranslationStub(channel)
        await stub.Translate(translation_pb2.TranslateRequest(context=context, texts=[SECRET]))
    (line,) = logged()
    assert (line["event"], line["code"], line["request_id"]) == ("call", "ok", "job_7:unit")
    assert line["tenant"] == "acme"
    assert SECRET not in str(line)


async def test_a_service_that_is_not_there_is_unsupported() -> None:
    def ask_for_speech(port: int) -> None:
        with client.channel(f"127.0.0.1:{port}") as channel:
            stub = tts_pb2_grpc.TtsStub(channel)
            client.call(lambda: stub.GetCapabilities(common_pb2.CapabilitiesRequest(), timeout=30))

    async with serving(lambda text, _gone: text) as running:
        with pytest.raises(errors.Unsupported):
            await asyncio.to_thread(ask_for_speech, running.port)


async def test_a_message_over_the_cap_is_an_error_and_not_a_crash() -> None:
    async with serving(lambda text, _gone: text) as running:
        with pytest.raises(errors.TooLarge) as caught:
            await asyncio.to_thread(ask, running.port, "a" * (17 * 1024 * 1024))
        assert caught.value.code == "message_too_large"
        assert await asyncio.to_thread(ask, running.port, "still here") == "still here"


async def test_a_deadline_that_passes_is_a_timeout() -> None:
    def slow(_text: str, gone: Callable[[], bool]) -> str:
        while not gone():
            pass
        return ""

    async with serving(slow) as running:
        with pytest.raises(errors.Timeout):
            await asyncio.to_thread(ask, running.port, "hello", 0.2)


@contextmanager
def stranger(status: grpc.StatusCode) -> Iterator[int]:
    """Run a server that is none of ours and answers every call with a bare status; yield its port."""

    def refuse(_request: bytes, context: grpc.ServicerContext) -> bytes:
        context.abort(status, SECRET)
        raise AssertionError

    handler = grpc.method_handlers_generic_handler(
        "dragoman.v1.Translation", {"Translate": grpc.unary_unary_rpc_method_handler(refuse)}
    )
    server = grpc.server(ThreadPoolExecutor(1), handlers=[handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(0).wait()


@pytest.mark.parametrize("status", [status for status in grpc.StatusCode if status is not grpc.StatusCode.OK])
def test_a_bare_status_becomes_the_nearest_error(status: grpc.StatusCode) -> None:
    nearest = {
        grpc.StatusCode.UNAVAILABLE: errors.Unavailable,
        grpc.StatusCode.DEADLINE_EXCEEDED: errors.Timeout,
        grpc.StatusCode.RESOURCE_EXHAUSTED: errors.Overloaded,
        # Nobody here cancelled it.
        grpc.StatusCode.CANCELLED: errors.Unavailable,
        grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidRequest,
        grpc.StatusCode.UNIMPLEMENTED: errors.Unsupported,
    }
    with stranger(status) as port, pytest.raises(errors.DragomanError) as caught:
        ask(port, "hello")
    assert type(caught.value) is nearest.get(status, errors.InternalError)
    assert caught.value.code == ("draining" if status is grpc.StatusCode.CANCELLED else caught.value.family)
    assert status.name in caught.value.detail
    assert SECRET not in caught.value.detail


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(errors.Unavailable) as caught:
        ask(free_port(), "hello")
    assert caught.value.retryable


def test_a_name_that_cannot_be_resolved_is_unavailable() -> None:
    with client.channel("dns:///nowhere.invalid:1") as channel:
        stub = translation_pb2_grpc.TranslationStub(channel)
        with pytest.raises(errors.Unavailable):
            client.call(lambda: stub.Translate(translation_pb2.TranslateRequest(), timeout=10))


def test_a_call_that_the_caller_ended_is_cancelled() -> None:
    with client.channel(f"127.0.0.1:{free_port()}") as channel:
        stub = translation_pb2_grpc.TranslationStub(channel)
        call = stub.Translate.future(translation_pb2.TranslateRequest(), timeout=10, wait_for_ready=True)
        call.cancel()
        with pytest.raises(errors.Cancelled):
            client.call(call.result)


def test_a_stream_that_the_caller_ended_is_cancelled() -> None:
    with client.channel(f"127.0.0.1:{free_port()}") as channel:
        stub = tts_pb2_grpc.TtsStub(channel)
        call = stub.Synthesize(tts_pb2.SynthesizeRequest(), timeout=10, wait_for_ready=True)
        call.cancel()
        with pytest.raises(errors.Cancelled):
            list(client.stream(lambda: call))
