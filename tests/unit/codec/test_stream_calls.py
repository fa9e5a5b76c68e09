"""A stream's steps run in threads, and end before what they use is let go."""

from __future__ import annotations

import asyncio
import threading

import pytest

from services.codec.stream_calls import Streams
from services.shared.errors import InvalidMedia, Overloaded


async def test_a_caller_who_leaves_in_the_middle_of_a_step_waits_for_its_end() -> None:
    begun, may_end = threading.Event(), threading.Event()
    ended: list[bool] = []

    def step() -> None:
        begun.set()
        may_end.wait()
        ended.append(True)

    call = asyncio.create_task(Streams(1).run(step))
    await asyncio.to_thread(begun.wait)
    call.cancel()
    await asyncio.sleep(0)
    assert not call.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert ended == [True]


async def test_a_step_gives_its_result_or_its_error() -> None:
    def broken() -> None:
        raise InvalidMedia("It is damaged.", code="damaged_packet")

    streams = Streams(1)
    assert await streams.run(lambda: 7) == 7
    with pytest.raises(InvalidMedia):
        await streams.run(broken)


def test_a_place_is_free_again_when_its_stream_has_ended() -> None:
    streams = Streams(1)
    for _ in range(2):
        with streams.place(), pytest.raises(Overloaded), streams.place():
            pass
