"""The codec stages on a real ledger and a real server: a call in, its channels and its files out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.shared.errors import DragomanError, InvalidMedia
from services.shared.ledger.ledger import Ledger
from tests.support import recordings
from tests.support.codec_stages import AGENT, CALL, CUSTOMER, STEREO, Region, Stages, running, translated
from tests.support.demo import demo_call


@pytest.fixture
async def stages(tmp_path: Path, ledger: Ledger) -> AsyncIterator[Stages]:
    """Handlers with a server behind them."""
    async with running(tmp_path, ledger) as stages:
        yield stages


async def test_a_call_becomes_one_recording_per_channel(stages: Stages) -> None:
    (unit,) = stages.submit(dict(CALL), recordings.wav(STEREO, 8000))
    output, ready = await stages.run(unit)
    assert output.document == {
        "container": "wav",
        "codec": "pcm_s16le",
        "sample_rate_hertz": 8000,
        "channel_count": 2,
        "duration_ms": 4000,
        "identical_to": [0, 1],
    }
    assert [child.index for child in output.children] == ["c0", "c1"]
    assert ready == ["job_1:asr.segment:c0", "job_1:asr.segment:c1"]
    for child, entry, pitch in zip(output.children, (AGENT, CUSTOMER), (440, 700), strict=True):
        payload = dict(child.payload)
        media, head = stages.opened(payload["audio"]), stages.artifacts.get(payload["audio"])[:44]
        assert (media.codec, media.sample_rate_hz, media.duration_ms) == ("pcm_s16le", 16_000, 4000)
        assert head[36:40] == b"data"
        assert recordings.pitch_hz(media.channels[0], 16_000) == pytest.approx(pitch, abs=1)
        assert payload == {
            **{name: value for name, value in entry.items() if name != "index"},
            "channel": entry["index"],
            "audio": payload["audio"],
            "duration_ms": 4000,
            "max_stretch": 1.25,
            "crosstalk": [],
        }


async def test_one_language_pair_may_stand_for_every_channel(stages: Stages) -> None:
    pair: dict[str, Any] = {
        "kind": "transcription",
        "channels": [],
        "source_language": "pt-BR",
        "target_language": None,
    }
    (unit,) = stages.submit(pair, recordings.wav(STEREO, 8000))
    output, _ = await stages.run(unit)
    assert [child.payload["channel"] for child in output.children] == [0, 1]
    assert {child.payload["source_language"] for child in output.children} == {"pt-BR"}
    assert {child.payload["role"] for child in output.children} == {None}


async def test_a_channel_knows_where_it_carries_the_other_ones_speaker(stages: Stages) -> None:
    agent, customer = demo_call()
    samples = np.stack([agent + np.roll(customer, 800) // 10, customer], axis=1)
    (unit,) = stages.submit(dict(CALL), recordings.wav(samples, 16_000))
    output, _ = await stages.run(unit)
    leaky, clean = (child.payload["crosstalk"] for child in output.children)
    assert clean == []
    assert {each["of"] for each in leaky} == {1}
    assert all(each["start_ms"] < each["end_ms"] <= 43_827 for each in leaky)


@pytest.mark.parametrize("listed", [[], [AGENT], [AGENT, CUSTOMER]])
async def test_the_same_audio_twice_is_recognised_once(stages: Stages, listed: list[dict[str, Any]]) -> None:
    mono = recordings.tone(2, 8000)
    spec = dict(CALL) | {"channels": listed, "source_language": "en", "target_language": "pt-BR"}
    (unit,) = stages.submit(spec, recordings.wav(np.hstack([mono, mono]), 8000))
    output, _ = await stages.run(unit)
    assert output.document["identical_to"] == [0, 0]
    assert [child.index for child in output.children] == ["c0"]


@pytest.mark.parametrize(("listed", "count"), [([AGENT], 2), ([AGENT, CUSTOMER], 1), ([AGENT, CUSTOMER], 3)])
async def test_a_file_with_other_channels_than_listed_is_refused(
    stages: Stages, listed: list[dict[str, Any]], count: int
) -> None:
    samples = recordings.tone(1, 8000, *range(300, 300 + 200 * count, 200))
    (unit,) = stages.submit(dict(CALL) | {"channels": listed}, recordings.wav(samples, 8000))
    with pytest.raises(DragomanError) as caught:
        await stages.run(unit)
    assert caught.value.code == "channel_count_mismatch"
    assert f"{count} channel" in caught.value.detail
    assert not caught.value.retryable


async def test_a_bad_file_is_the_jobs_error(stages: Stages) -> None:
    (unit,) = stages.submit(dict(CALL), recordings.wav(STEREO, 8000)[:9000])
    with pytest.raises(InvalidMedia) as caught:
        await stages.run(unit)
    assert caught.value.code == "truncated_media"


async def test_a_headerless_file_is_read_as_the_spec_declares(stages: Stages) -> None:
    raw = {"encoding": "s16le", "sample_rate_hertz": 8000, "channel_count": 2}
    (unit,) = stages.submit({"kind": "decode", "raw": raw}, STEREO.tobytes())
    output, _ = await stages.run(unit)
    assert output.document["container"] == "s16le"
    assert output.document["duration_ms"] == 4000


async def test_a_decode_job_hands_out_every_channel_at_its_own_rate(stages: Stages) -> None:
    mono = recordings.tone(1, 11_025)
    (unit,) = stages.submit({"kind": "decode"}, recordings.wav(np.hstack([mono, mono]), 11_025))
    output, ready = await stages.run(unit)
    assert ready == []
    assert output.children == ()
    files = output.document["files"]
    assert [file["name"] for file in files] == ["channel-0.wav", "channel-1.wav"]
    for file in files:
        media = stages.opened(file["key"])
        assert (media.sample_rate_hz, file["media_type"], file["duration_ms"]) == (11_025, "audio/wav", 1000)
        assert np.array_equal(media.channels[0], mono[:, 0])
        assert file["size_bytes"] == len(stages.artifacts.get(file["key"])) == 44 + mono.nbytes


SPEECH = {
    "c0r0": Region(0, 500, 1),
    "c0r1": Region(500, 1000, 0.5),
    "c0r2": Region(2000, 2400),
    "c1r0": Region(2500, 3500, 1),
}


async def test_speech_is_laid_out_on_the_calls_timeline(stages: Stages) -> None:
    audio = {"codec": "opus", "bitrate_kbps": 24, "layout": "both"}
    output = await translated(stages, SPEECH, audio=audio)
    assert output.document["placements"] == {
        "c0r0": {"start_ms": 0, "end_ms": 1000},
        "c0r1": {"start_ms": 1000, "end_ms": 1500},
        "c1r0": {"start_ms": 2500, "end_ms": 3500},
    }
    files = {file["name"]: file for file in output.document["files"]}
    assert list(files) == ["speech.channel-0.ogg", "speech.channel-1.ogg", "speech.mixed.ogg"]
    onsets = {}
    for name, file in files.items():
        assert (file["media_type"], file["codec"], file["bitrate_kbps"]) == ("audio/ogg", "opus", 24)
        assert file["duration_ms"] == 4000
        assert file["size_bytes"] == len(stages.artifacts.get(file["key"]))
        media = stages.opened(file["key"])
        assert media.duration_ms == pytest.approx(4000, abs=1)
        assert len(media.channels) == 1
        onsets[name] = recordings.onset_s(media.channels[0], media.sample_rate_hz)
    assert list(onsets.values()) == pytest.approx([0, 2.5, 0], abs=0.01)


@pytest.mark.parametrize(
    ("layout", "names"),
    [
        ("per_channel", {"speech.channel-0.flac": 1, "speech.channel-1.flac": 1}),
        ("mixed", {"speech.mixed.flac": 1}),
        ("multichannel", {"speech.flac": 2}),
    ],
)
async def test_the_layout_decides_the_files(stages: Stages, layout: str, names: dict[str, int]) -> None:
    output = await translated(stages, SPEECH, audio={"codec": "flac", "bitrate_kbps": 0, "layout": layout})
    made = {file["name"]: len(stages.opened(file["key"]).channels) for file in output.document["files"]}
    assert made == names
    assert output.document["placements"].keys() == {"c0r0", "c0r1", "c1r0"}


async def test_speech_beyond_the_end_extends_the_call(stages: Stages) -> None:
    audio = {"codec": "wav", "bitrate_kbps": 0, "layout": "mixed"}
    output = await translated(
        stages, {"c0r0": Region(3500, 4000, 2), "c1r0": Region(0, 1000, 1)}, audio=audio
    )
    assert output.document["files"][0]["duration_ms"] == 5500


async def test_a_call_without_speech_is_silence_of_the_same_length(stages: Stages) -> None:
    output = await translated(stages, {}, audio={"codec": "wav", "bitrate_kbps": 0, "layout": "both"})
    assert output.document["placements"] == {}
    assert [file["duration_ms"] for file in output.document["files"]] == [4000] * 3
    assert not stages.opened(output.document["files"][0]["key"]).channels[0].any()


async def test_a_spoken_text_is_one_file(stages: Stages) -> None:
    job = {"kind": "speech", "audio": {"codec": "mp3", "bitrate_kbps": 48}}
    (unit,) = stages.submit(job)
    stages.artifacts.put("speech.wav", recordings.wav(recordings.tone(1.5, 24_000), 24_000))
    (unit,) = stages.finish(unit, {"audio": "speech.wav"})
    output, _ = await stages.run(unit)
    (file,) = output.document["files"]
    assert (file["name"], file["media_type"], file["duration_ms"]) == ("speech.mp3", "audio/mpeg", 1500)
    assert stages.opened(file["key"]).duration_ms == pytest.approx(1500, abs=1)


async def test_a_text_that_cannot_be_spoken_says_so(stages: Stages) -> None:
    (unit,) = stages.submit({"kind": "speech", "audio": {"codec": "mp3", "bitrate_kbps": 48}})
    (unit,) = stages.finish(unit, {"audio": None})
    with pytest.raises(DragomanError) as caught:
        await stages.run(unit)
    assert caught.value.code == "nothing_to_speak"


RATES = [("flac", 8000, 8000), ("flac", 44_100, 44_100), ("wav", 192_000, 96_000), ("mp3", 8000, 16_000),
         ("opus", 44_100, 48_000), ("mulaw", 48_000, 8000)]  # fmt: skip


@pytest.mark.parametrize(("codec", "source_hz", "written_hz"), RATES)
async def test_an_encode_job_keeps_the_sources_rate_if_it_can(
    stages: Stages, codec: str, source_hz: int, written_hz: int
) -> None:
    audio = {"codec": codec, "bitrate_kbps": None, "layout": "multichannel"}
    samples = recordings.tone(1, source_hz, 440, 700)
    (unit,) = stages.submit({"kind": "encode", "audio": audio}, recordings.wav(samples, source_hz))
    decoded, (unit,) = await stages.run(unit)
    assert "files" not in decoded.document
    output, _ = await stages.run(unit)
    (file,) = output.document["files"]
    assert file["name"].startswith("audio.")
    assert file["sample_rate_hertz"] == written_hz
    media = stages.opened(file["key"])
    assert media.duration_ms == pytest.approx(1000, abs=2)
    for channel, pitch in zip(media.channels, (440, 700), strict=True):
        assert recordings.pitch_hz(channel, media.sample_rate_hz) == pytest.approx(pitch, abs=3)


async def test_an_encode_job_is_not_levelled(stages: Stages) -> None:
    audio = {"codec": "flac", "bitrate_kbps": None, "layout": "multichannel"}
    quiet = recordings.tone(1, 8000, amplitude=500)
    (unit,) = stages.submit({"kind": "encode", "audio": audio}, recordings.wav(quiet, 8000))
    _, (unit,) = await stages.run(unit)
    output, _ = await stages.run(unit)
    assert np.array_equal(stages.opened(output.document["files"][0]["key"]).channels[0], quiet[:, 0])
