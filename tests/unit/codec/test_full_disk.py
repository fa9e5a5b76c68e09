"""A disk that is full is nobody's bad file: the call may be tried again, and no process dies."""

from __future__ import annotations

import os
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from protos.v1 import codec_pb2
from services.codec.core import CodecCore
from services.codec.engines.pyav import PyavEngine, PyavSettings
from services.codec.engines.trade import alone
from services.codec.media import Caps, Clip, EncodeRequest
from services.codec.spool import spool, storing
from services.codec.timeline import Timeline
from services.codec.uploads import receive_clips, receive_file
from services.shared.errors import Cancelled, DragomanError, StorageFailure

RATE_HZ = 24_000
CORE = CodecCore(alone(PyavEngine(PyavSettings())), Caps())


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """Have the kernel refuse to make any file larger, as it refuses on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def full(error: pytest.ExceptionInfo[DragomanError]) -> bool:
    return (error.value.code, error.value.retryable) == ("spool_failed", True)


def test_a_timeline_takes_its_room_at_once() -> None:
    with files_of_at_most(2 * 2 * RATE_HZ - 1), pytest.raises(StorageFailure) as caught:
        Timeline(RATE_HZ, 2)
    assert full(caught)
    with files_of_at_most(2 * 2 * RATE_HZ):
        assert not next(Timeline(RATE_HZ, 2).multichannel()).any()


def test_an_encoder_without_room_says_so() -> None:
    clip = Clip(0, 0, RATE_HZ, np.ones(RATE_HZ, np.int16))
    # Room for the timeline, but not for a header more.
    with files_of_at_most(2 * RATE_HZ), pytest.raises(StorageFailure) as caught:
        CORE.encode([clip], EncodeRequest("wav"), lambda: False)
    assert full(caught)


async def clips() -> AsyncIterator[codec_pb2.EncodeRequest]:
    yield codec_pb2.EncodeRequest(config=codec_pb2.EncodeConfig())
    yield codec_pb2.EncodeRequest(clip=codec_pb2.ClipStart())
    yield codec_pb2.EncodeRequest(audio=bytes(100))


async def recording(size_bytes: int) -> AsyncIterator[codec_pb2.DecodeRequest]:
    yield codec_pb2.DecodeRequest(config=codec_pb2.DecodeConfig())
    yield codec_pb2.DecodeRequest(file=bytes(size_bytes))


@pytest.mark.parametrize("size_bytes", [100, 1 << 20])
async def test_an_upload_without_room_says_so(size_bytes: int) -> None:
    with files_of_at_most(99), pytest.raises(StorageFailure) as caught, spool() as file:
        await receive_file(recording(size_bytes), file, 1 << 21)
    assert full(caught)


async def test_clips_without_room_say_so() -> None:
    with files_of_at_most(99), pytest.raises(StorageFailure) as caught, spool() as file:
        await receive_clips(clips(), file, 1 << 21)
    assert full(caught)


def test_a_folder_that_is_gone_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", os.devnull)
    with pytest.raises(StorageFailure) as caught:
        spool()
    assert full(caught)


def test_other_errors_keep_their_names() -> None:
    with pytest.raises(Cancelled), storing():
        raise Cancelled("The caller went away.")
    with pytest.raises(ValueError, match="no number"), storing():
        raise ValueError("no number")
