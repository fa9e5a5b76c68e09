"""The speech of a call through the encode stage: turns stay turns, and what was no speech is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.codec.clips import KEPT_KINDS, Clip
from services.codec.engines.base import Samples
from services.shared.artifacts.local import LocalArtifacts
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Output
from services.shared.rpc.wire import CHUNK_BYTES
from tests.support import recordings
from tests.support.codec_stages import Region, Stages, running, translated

ALL_FILES = {"codec": "flac", "bitrate_kbps": 0, "layout": "both"}
# The agent's translation runs over its region by far, and the customer answers 200 ms after the region.
TURNS = {"c0r0": Region(0, 1000, 1.5), "c1r0": Region(1200, 2200, 1), "c0r1": Region(3000, 3500, 0.5)}
QUIET = recordings.tone(4, 8000, 440, 700, amplitude=500)


@pytest.fixture
async def stages(tmp_path: Path, ledger: Ledger) -> AsyncIterator[Stages]:
    """Handlers with a server behind them."""
    async with running(tmp_path, ledger) as stages:
        yield stages


def written(stages: Stages, output: Output) -> dict[str, Samples]:
    """Return each file's samples, by what comes after "speech." in its name."""
    files = {file["name"].split(".")[1]: file["key"] for file in output.document["files"]}
    return {name: stages.opened(key).channels[0].astype(np.int32) for name, key in files.items()}


def loud_ms(samples: Samples) -> tuple[int, int]:
    """Return from when to when a file of 24 kHz is not silent."""
    (loud,) = np.nonzero(np.abs(samples) > 100)
    return loud[0] // 24, loud[-1] // 24 + 1


async def test_a_reply_waits_until_the_speech_is_over(stages: Stages) -> None:
    output = await translated(stages, TURNS, audio=ALL_FILES)
    assert output.document["placements"] == {
        "c0r0": {"start_ms": 0, "end_ms": 1500},
        "c1r0": {"start_ms": 1500, "end_ms": 2500},
        "c0r1": {"start_ms": 3000, "end_ms": 3500},
    }


async def test_every_file_lays_speech_out_alike(stages: Stages) -> None:
    files = written(stages, await translated(stages, TURNS, audio=ALL_FILES))
    assert loud_ms(files["channel-1"]) == pytest.approx((1500, 2500), abs=2)
    assert not (files["channel-0"] * files["channel-1"]).any(), "both speak at once"
    assert np.abs(files["channel-0"] + files["channel-1"] - files["mixed"]).max() <= 1


async def test_speech_may_reach_into_the_reply_where_the_job_allows_it(stages: Stages) -> None:
    output = await translated(stages, TURNS, audio=ALL_FILES, allow_overlap=True)
    assert output.document["placements"]["c1r0"] == {"start_ms": 1200, "end_ms": 2200}


def sound(kind: str, start_ms: int, end_ms: int) -> dict[str, Any]:
    return {"kind": kind, "start_ms": start_ms, "end_ms": end_ms}


@pytest.mark.parametrize("kind", sorted(KEPT_KINDS))
async def test_a_recorded_sound_stays_as_it_was(stages: Stages, kind: str) -> None:
    sounds = {"c1": [sound(kind, 500, 1700)]}
    files = written(stages, await translated(stages, {}, sounds, QUIET, audio=ALL_FILES))
    assert not files["channel-0"].any()
    assert loud_ms(files["channel-1"]) == pytest.approx((500, 1700), abs=3)
    kept = files["channel-1"][600 * 24 : 1600 * 24]
    assert np.abs(kept).max() == pytest.approx(500, rel=0.02)
    assert recordings.pitch_hz(kept.astype(np.int16), 24_000) == pytest.approx(700, abs=1)
    assert np.abs(files["mixed"] - files["channel-1"]).max() <= 1


async def test_speech_lies_over_it(stages: Stages) -> None:
    sounds = {"c1": [sound("music", 0, 4000)]}
    speech = {"c1r0": Region(1000, 2000, 1)}
    output = await translated(stages, speech, sounds, QUIET, audio=ALL_FILES)
    assert output.document["placements"] == {"c1r0": {"start_ms": 1000, "end_ms": 2000}}
    spoken = written(stages, output)["channel-1"]
    assert recordings.pitch_hz(spoken[24_000:48_000].astype(np.int16), 24_000) == pytest.approx(440, abs=1)
    assert recordings.pitch_hz(spoken[: 23 * 1000].astype(np.int16), 24_000) == pytest.approx(700, abs=1)


@pytest.mark.parametrize(
    ("kind", "spec"), [("crosstalk", {}), ("silence", {}), ("music", {"keep_sounds": False})]
)
async def test_what_is_not_to_be_kept_is_silence(stages: Stages, kind: str, spec: dict[str, Any]) -> None:
    sounds = {"c0": [sound(kind, 500, 1700)]}
    files = written(stages, await translated(stages, {}, sounds, QUIET, audio=ALL_FILES, **spec))
    assert not any(samples.any() for samples in files.values())


def test_only_the_sounds_own_span_is_read_in_pieces(tmp_path: Path) -> None:
    artifacts, samples = LocalArtifacts(tmp_path), np.arange(16 * 60_000).astype(np.int16)
    artifacts.put("channel.wav", recordings.wav(samples, 16_000))
    with Clip("channel.wav", 0, 2000, kept_ms=50_000).opened(artifacts) as (rate_hz, pieces):
        read = list(pieces)
    assert rate_hz == 16_000
    assert max(map(len, read)) <= CHUNK_BYTES
    assert b"".join(read) == samples[16 * 2000 : 16 * 52_000].tobytes()
