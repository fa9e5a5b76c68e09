"""The ASR stages against a real server with the fake engine, a real ledger and real files."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from protos.v1 import asr_pb2, common_pb2
from services.asr import worker
from services.asr.core import Samples
from services.asr.server import spec
from services.asr.settings import AsrSettings
from services.asr.sounds.listening import sounds
from services.asr.worker import HANDLERS
from services.shared.artifacts.local import LocalArtifacts
from services.shared.errors import Cancelled, NotFound, Unsupported
from services.shared.leases import Lease
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Claim
from services.shared.rpc.client import Channels
from services.shared.rpc.server import start
from services.shared.stage import Output, Work
from services.shared.tasks import SEGMENT, TRANSCRIBE
from tests.support.noises import keys
from tests.support.recordings import wav
from tests.support.speech import silence, tone

Make = Callable[..., Work]
FAKE = {"name": "fake-counter", "revision": "1", "sha256": ""}
CALL = np.concatenate([silence(1), tone(2), silence(3), tone(1.5), silence(2)])
CHANNEL = {
    "channel": 0,
    "audio": "channel.wav",
    "duration_ms": 9_500,
    "source_language": "pt-BR",
    "target_language": "en",
    "role": "customer",
    "voice": None,
}
REGION = {**CHANNEL, "region": 1, "start_ms": 5_700, "end_ms": 7_800, "borrow_ms": 1_700}


@pytest.fixture
async def make(tmp_path: Path, ledger: Ledger) -> AsyncIterator[Make]:
    """Makes units of work on a recorded channel."""
    settings = AsrSettings(asr_engines="fake")
    server = await start(spec(settings), settings)
    channels = Channels(lambda _: f"127.0.0.1:{server.port}")
    artifacts = LocalArtifacts(tmp_path)

    def made(
        stage: str,
        payload: dict[str, Any],
        samples: Samples = CALL,
        terms: Sequence[Mapping[str, Any]] = (),
        **asked: Any,
    ) -> Work:
        artifacts.put("channel.wav", wav(samples, 16_000))
        # Its name is never used again: workers remember glossaries by it.
        snapshot = artifacts.put(uuid.uuid4().hex, json.dumps({"terms": terms}).encode())
        claim = Claim(
            unit="unit_1",
            job="job_1",
            stage=stage,
            index="c0" if stage == SEGMENT else "c0r1",
            attempt=1,
            failures=0,
            tenant="default",
            spec={"kind": "speech_translation", "glossary": {"key": snapshot.key}, **asked},
            payload=payload,
            inputs={},
        )
        return Work(claim, artifacts, channels, Lease(claim), 10.0, ledger)

    yield made
    channels.close()
    await server.stop()


async def run(work: Work) -> Output:
    return await asyncio.to_thread(HANDLERS[work.claim.stage], work)


async def transcript(work: Work) -> dict[str, Any]:
    """Run the handler; return the stored document, checked against the output."""
    output = await run(work)
    assert output.children == ()
    document: dict[str, Any] = json.loads(work.artifacts.get(output.document["transcript"]))
    assert output.document == {"transcript": work.key("transcript.json"), "empty": not document["text"]}
    return document


async def test_a_channel_becomes_a_unit_for_each_region(make: Make) -> None:
    output = await run(make(SEGMENT, CHANNEL))
    assert output.document == {
        "language": "pt-BR",
        "language_confidence": 1.0,
        "duration_ms": 9_500,
        "warnings": [],
        "model": FAKE,
        "sounds": [],
    }
    assert [child.index for child in output.children] == ["c0r0", "c0r1"]
    assert output.children[1].payload == REGION


async def test_a_region_may_borrow_the_silence_until_the_next_one_begins(make: Make) -> None:
    first, last = (await run(make(SEGMENT, CHANNEL))).children
    assert first.payload["end_ms"] + first.payload["borrow_ms"] == last.payload["start_ms"]
    assert last.payload["end_ms"] + last.payload["borrow_ms"] == 9_500


def test_a_language_that_was_guessed_is_marked_where_somebody_speaks() -> None:
    spoken = [common_pb2.Region(start_ms=0, end_ms=900)]
    guessed = asr_pb2.SegmentResponse(regions=spoken, language_confidence=0.3)
    certain = asr_pb2.SegmentResponse(regions=spoken, language_confidence=0.9)
    assert worker._warnings(guessed) == ["uncertain_language"]
    assert worker._warnings(certain) == worker._warnings(asr_pb2.SegmentResponse()) == []


async def test_regions_carry_the_detected_language(make: Make) -> None:
    output = await run(make(SEGMENT, {**CHANNEL, "source_language": "auto"}))
    assert output.document["language"] == "es"
    assert 0 < output.document["language_confidence"] < 1
    assert {child.payload["source_language"] for child in output.children} == {"es"}


async def test_who_leaks_from_another_channel_has_no_vote_on_the_language(make: Make) -> None:
    leak, own = tone(4, 200), tone(2, 440)
    samples = np.concatenate([silence(1), leak, silence(2), own, silence(1)])
    channel = {**CHANNEL, "source_language": "auto"}
    crosstalk = [{"of": 1, "start_ms": 500, "end_ms": 5_500}]
    assert (await run(make(SEGMENT, channel, samples))).document["language"] == "pt"
    output = await run(make(SEGMENT, {**channel, "crosstalk": crosstalk}, samples))
    assert output.document["language"] == "es"
    assert [child.payload["source_language"] for child in output.children] == ["es"]
    assert [sound["kind"] for sound in output.document["sounds"]] == ["crosstalk"]


async def test_a_channel_of_cross_talk_alone_has_no_language(make: Make) -> None:
    crosstalk = [{"of": 1, "start_ms": 0, "end_ms": 9_500}]
    output = await run(make(SEGMENT, {**CHANNEL, "source_language": "auto", "crosstalk": crosstalk}))
    assert output.children == ()
    assert (output.document["language"], output.document["warnings"]) == ("", [])


@pytest.mark.parametrize("samples", [silence(4), silence(0)])
async def test_a_channel_without_speech_has_no_regions(make: Make, samples: Samples) -> None:
    output = await run(make(SEGMENT, {**CHANNEL, "source_language": "auto"}, samples))
    assert output.children == ()
    assert output.document["language"] == ""
    assert output.document["duration_ms"] == len(samples) // 16


async def test_a_region_is_written_down_with_times_of_the_recording(make: Make) -> None:
    document = await transcript(make(TRANSCRIBE, REGION))
    assert document.keys() == {"text", "language", "confidence", "words", "warnings", "model"}
    assert document["text"] == "zero um dois três quatro"
    assert (document["language"], document["confidence"]) == ("pt-BR", 0.9)
    assert document["words"][0] == {"text": "zero", "start_ms": 5_700, "end_ms": 6_100, "confidence": 0.9}
    assert document["words"][-1]["end_ms"] <= REGION["end_ms"]
    assert (document["warnings"], document["model"]) == ([], FAKE)


async def test_only_the_regions_part_of_the_channel_is_heard(make: Make) -> None:
    document = await transcript(make(TRANSCRIBE, {**REGION, "start_ms": 6_000, "end_ms": 6_900}))
    assert document["text"] == "zero um"


async def test_a_silent_region_is_an_empty_transcript(make: Make) -> None:
    document = await transcript(make(TRANSCRIBE, {**REGION, "start_ms": 0, "end_ms": 900}))
    assert (document["text"], document["confidence"], document["words"]) == ("", 0.0, [])
    assert document["warnings"] == ["no_speech"]


async def test_the_recogniser_translates_where_it_is_the_translator(make: Make) -> None:
    document = await transcript(make(TRANSCRIBE, {**REGION, "translator": "asr"}))
    assert document["text"] == "zero um dois três quatro"
    assert document["translation"] == {"text": "zero one two three four", "warnings": [], "model": FAKE}


async def test_english_is_its_own_translation(make: Make) -> None:
    document = await transcript(make(TRANSCRIBE, {**REGION, "translator": "asr", "source_language": "en"}))
    assert document["text"] == document["translation"]["text"] == "zero one two three four"


IRMAOS = {"source": "Dois Irmãos", "keep": True}
ZERO = {"source": "zero", "source_language": "pt", "target": {"en": "Zeroth"}, "hint": False}


async def test_the_glossary_says_what_to_expect(make: Make) -> None:
    known = [IRMAOS, {"source": "Zeros", "hint": False}, {"source": "Umbrella", "source_language": "en"}]
    document = await transcript(make(TRANSCRIBE, REGION, terms=known))
    assert document["text"] == "zero um Dois Irmãos três quatro"


async def test_numbers_are_checked_where_the_job_asks_for_proof(make: Make) -> None:
    figures = [{"source": "Dois 2", "keep": True}]
    checked = await transcript(make(TRANSCRIBE, REGION, terms=figures, quality="verify"))
    assert checked["warnings"] == ["uncertain_number"]
    for asked in ({}, {"quality": "standard"}):
        document = await transcript(make(TRANSCRIBE, REGION, terms=figures, **asked))
        assert (document["text"], document["warnings"]) == (checked["text"], [])


async def test_the_recogniser_expects_the_terms_of_the_language_it_writes(make: Make) -> None:
    fourth = {"source": "quatro", "source_language": "pt", "target": {"en": "Fourth"}}
    document = await transcript(make(TRANSCRIBE, {**REGION, "translator": "asr"}, terms=[fourth, ZERO]))
    assert document["translation"]["text"] == "zero one two three Fourth"
    assert document["translation"]["terms"] == [
        {"source": "zero", "target": "Zeroth", "hit": False},
        {"source": "quatro", "target": "Fourth", "hit": True},
    ]


async def test_a_glossary_that_is_gone_fails_the_unit(make: Make) -> None:
    work = make(TRANSCRIBE, REGION, terms=[IRMAOS])
    work.artifacts.delete_prefix(work.claim.spec["glossary"]["key"])
    with pytest.raises(NotFound):
        await run(work)


async def test_silence_is_not_translated(make: Make) -> None:
    silent = {**REGION, "translator": "asr", "start_ms": 0, "end_ms": 900}
    assert "translation" not in await transcript(make(TRANSCRIBE, silent))


async def test_an_unsupported_language_fails_the_unit(make: Make) -> None:
    for stage, payload in ((SEGMENT, CHANNEL), (TRANSCRIBE, REGION)):
        with pytest.raises(Unsupported) as caught:
            await run(make(stage, {**payload, "source_language": "ja"}))
        assert caught.value.code == "unsupported_language"


async def test_a_channel_that_is_gone_fails_the_unit_with_its_own_error(make: Make) -> None:
    with pytest.raises(NotFound):
        await run(make(SEGMENT, {**CHANNEL, "audio": "gone.wav"}))


async def test_a_cancelled_job_ends_its_calls(make: Make) -> None:
    work = make(SEGMENT, CHANNEL)
    work.lease.end()
    with pytest.raises(Cancelled):
        await run(work)


async def test_keys_that_were_pressed_stand_in_the_document_and_in_no_log(
    make: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    output = await run(make(SEGMENT, CHANNEL, keys("4000123412")))
    assert [sound["digits"] for sound in output.document["sounds"]] == ["4000123412"]
    logged = "".join(capfd.readouterr())
    assert "/Segment" in logged
    assert "4000123412" not in logged
    assert "4000" not in repr(sounds(keys("4000")))


@pytest.mark.parametrize(("stage", "payload"), [(SEGMENT, CHANNEL), (TRANSCRIBE, REGION)])
async def test_no_words_stand_in_the_output(make: Make, stage: str, payload: dict[str, Any]) -> None:
    output = await run(make(stage, payload))
    assert "zero" not in json.dumps([output.document, *(child.payload for child in output.children)])
