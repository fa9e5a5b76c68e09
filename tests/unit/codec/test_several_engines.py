"""Several engines in one server: each adds what it writes and opens; the first that can, does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import BinaryIO

import numpy as np
import pytest

from services.codec.core import CodecCore
from services.codec.engines.base import Cancelled, CodecDescription, Samples, Target, never
from services.codec.engines.fake import FakeEngine
from services.codec.engines.trade import CodecTrade, given
from services.codec.media import Caps, Clip, EncodeRequest
from services.shared.engines import Model, Reference
from services.shared.errors import DragomanError, InternalError, Unsupported
from tests.support import recordings


class Another(FakeEngine):
    """Writes "wav" and "pcm", which are the same, and opens Ogg, or says so."""

    def __init__(self, *, lost: int = 0, plainer: bool = False) -> None:
        self.written: list[str] = []
        self._lost = lost
        self._plainer = plainer

    @property
    def model(self) -> Model:
        return Model("another", "2")

    @property
    def codecs(self) -> Mapping[str, CodecDescription]:
        (wav,) = super().codecs.values()
        return {"wav": wav, "pcm": replace(wav, name="pcm", slack_samples=10)}

    @property
    def containers(self) -> tuple[str, ...]:
        return ("ogg",)

    def encode(
        self, blocks: Iterable[Samples], target: Target, sink: BinaryIO, _cancelled: Cancelled = never
    ) -> str:
        self.written.append(target.codec)
        samples = np.concatenate(list(blocks))
        super().encode([samples[: len(samples) - self._lost]], target, sink)
        return "wav" if self._plainer else target.codec


def core(another: Another, *, verify: bool = True) -> CodecCore:
    engines = given({Reference("fake"): FakeEngine(), Reference("another"): another})
    return CodecCore(engines, Caps(), verify=verify)


def test_codecs_and_containers_add_up() -> None:
    both = core(Another())
    assert set(both.codecs) == {"wav", "pcm"}
    assert both.codecs["wav"].slack_samples == 1
    assert both.containers == ("wav", "ogg")


def test_the_first_that_can_write_a_codec_writes_it() -> None:
    another = Another()
    for name in ("wav", "pcm"):
        core(another).encode([], EncodeRequest(name, duration_ms=50), never).file.close()
    assert another.written == ["pcm"]


def test_what_no_engine_opens_is_refused_before_it_is_sent() -> None:
    with pytest.raises(Unsupported) as caught:
        core(Another()).probe(b"fLaC", 100)
    assert caught.value.code == "unsupported_container"
    assert core(Another()).probe(b"OggS", 100) == "ogg"


def broken(lost: int, *, verify: bool = True) -> str:
    try:
        made = core(Another(lost=lost), verify=verify).encode([], EncodeRequest("pcm", duration_ms=50), never)
    except InternalError as error:
        return error.code
    made.file.close()
    return ""


def test_a_file_that_lost_time_is_not_given_away() -> None:
    assert broken(600) == "encode_broken"
    assert broken(0) == ""
    # 10 samples more would be this codec's way, 400 more are not.
    assert broken(-400) == ""
    assert broken(600, verify=False) == ""


def test_an_answer_names_the_codec_that_was_written() -> None:
    tone = recordings.tone(0.1, 24_000)[:, 0]
    made = core(Another(plainer=True)).encode([Clip(0, 0, 24_000, tone)], EncodeRequest("pcm"), never)
    made.file.close()
    assert (made.codec.name, made.target.codec) == ("wav", "wav")


def test_an_engine_that_loses_time_never_serves() -> None:
    trade = CodecTrade(lambda _: Another())
    trade.prove(Another())
    with pytest.raises(DragomanError) as caught:
        trade.prove(Another(lost=500))
    assert caught.value.code == "self_test_failed"
