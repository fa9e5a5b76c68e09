"""The turns of a call before one of its regions, from a real ledger."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.shared.artifacts.local import LocalArtifacts
from services.shared.config import Settings
from services.shared.leases import Lease
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Child, Claim, NewJob, Node, Output
from services.shared.rpc.client import Channels
from services.shared.rpc.server import start
from services.shared.stage import Work
from services.shared.tasks import DECODE, SEGMENT, TRANSCRIBE, TRANSLATE
from services.translation.engines.base import Turn
from services.translation.server import spec
from services.translation.settings import TranslationSettings
from services.translation.turns import turns_before
from services.translation.worker import translate
from tests.support.calls import instant, take
from tests.unit.translation.marking import Informed, core_of

GRAPH = (
    Node(DECODE, "job"),
    Node(SEGMENT, "channel"),
    Node(TRANSCRIBE, "region"),
    Node(TRANSLATE, "region"),
)
ROLES = ("agent", "customer")
LANGUAGES = {"source_language": "en", "target_language": "pt"}

# From the starts of each channel's regions in ms, and the declared channels, to work on a region.
Call = Callable[..., Callable[[str], Work]]


@pytest.fixture
def call(ledger: Ledger, tmp_path: Path) -> Call:
    """Makes calls whose regions have all been cut, and transcribed except for some."""
    calls = 0

    def made(
        *starts_ms: list[int], undone: tuple[str, ...] = (), declared: bool = True
    ) -> Callable[[str], Work]:
        nonlocal calls
        calls += 1
        job, books, artifacts = f"job_{calls}", instant(ledger), LocalArtifacts(tmp_path)
        spec = {"channels": [{"index": index} for index in range(len(starts_ms))] if declared else []}
        books.submit(NewJob(job, "acme", "speech_translation", "batch", GRAPH, spec))
        channels = tuple(Child(f"c{index}", {"role": ROLES[index]}) for index in range(len(starts_ms)))
        books.complete(take(books, f"{job}:{DECODE}:job"), Output({}, channels))
        for index, starts in enumerate(starts_ms):
            regions = [
                Child(f"c{index}r{number}", {"start_ms": start, "role": ROLES[index], **LANGUAGES})
                for number, start in enumerate(starts)
            ]
            books.complete(take(books, f"{job}:{SEGMENT}:c{index}"), Output({}, tuple(regions)))
        for unit in books.units(job, TRANSCRIBE):
            if unit.index not in undone:
                text = f"{unit.index} at {unit.payload['start_ms']}"
                document = {"text": text, "language": "en"}
                key = artifacts.put(f"{job}/{unit.index}", json.dumps(document).encode()).key
                books.complete(take(books, unit.unit), Output({"transcript": key, "empty": False}))

        def work(index: str) -> Work:
            unit = books.unit(f"{job}:{TRANSCRIBE}:{index}")
            assert unit is not None
            name, inputs = f"{job}:{TRANSLATE}:{index}", {TRANSCRIBE: unit.output or {}}
            claim = Claim(name, job, TRANSLATE, index, 1, 0, "acme", spec, unit.payload, inputs)
            return Work(claim, artifacts, Channels(lambda _: ""), Lease(claim), 10.0, books)

        return work

    return made


def texts(turns: list[dict[str, Any]]) -> list[str]:
    return [turn["text"] for turn in turns]


def test_turns_are_those_of_all_channels_before_the_region_in_their_order(call: Call) -> None:
    work = call([0, 2000, 4000], [1000, 3000])
    assert turns_before(work("c0r2"), 6) == [
        {"role": "agent", "text": "c0r0 at 0", "language_code": "en"},
        {"role": "customer", "text": "c1r0 at 1000", "language_code": "en"},
        {"role": "agent", "text": "c0r1 at 2000", "language_code": "en"},
        {"role": "customer", "text": "c1r1 at 3000", "language_code": "en"},
    ]


def test_of_many_turns_the_last_ones_go_along(call: Call) -> None:
    work = call([0, 2000, 4000], [1000, 3000])
    assert texts(turns_before(work("c0r2"), 2)) == ["c0r1 at 2000", "c1r1 at 3000"]
    assert turns_before(work("c0r2"), 0) == []
    assert turns_before(work("c0r0"), 6) == []


def test_what_is_not_transcribed_yet_is_left_out(call: Call) -> None:
    work = call([0, 2000, 4000], [1000, 3000], undone=("c0r1", "c1r1"))
    assert texts(turns_before(work("c0r2"), 6)) == ["c0r0 at 0", "c1r0 at 1000"]


def test_channels_that_no_job_declared_are_found(call: Call) -> None:
    work = call([0, 2000], [1000], declared=False)
    assert texts(turns_before(work("c0r1"), 6)) == ["c0r0 at 0", "c1r0 at 1000"]


def test_a_channel_without_a_word_has_no_turns(call: Call) -> None:
    assert texts(turns_before(call([0, 2000], [])("c0r1"), 6)) == ["c0r0 at 0"]


def test_a_transcript_that_was_erased_meanwhile_is_left_out(call: Call) -> None:
    work = call([0, 2000], [1000])("c0r1")
    work.artifacts.delete_prefix(f"{work.claim.job}/c0r0")
    assert texts(turns_before(work, 6)) == ["c1r0 at 1000"]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_in_any_call_they_are_what_a_look_at_all_regions_gives(call: Call, data: st.DataObject) -> None:
    times = st.lists(st.integers(0, 50), unique=True, max_size=12).map(sorted)
    own, other, most = data.draw(times.filter(bool)), data.draw(times), data.draw(st.integers(1, 8))
    at = data.draw(st.integers(0, len(own) - 1))
    all_turns = sorted([(start, 0) for start in own] + [(start, 1) for start in other])
    before = [start for start, _ in all_turns if start < own[at]][-most:]
    found = turns_before(call(own, other)(f"c0r{at}"), most)
    assert [int(text.rpartition(" ")[2]) for text in texts(found)] == before


async def test_the_worker_sends_them_to_whoever_translates(call: Call) -> None:
    engine = Informed("llama", "en-pt")
    server = await start(replace(spec(TranslationSettings()), load=lambda: core_of(engine)), Settings())
    work = call([0, 2000], [1000])("c0r1")
    work.channels = Channels(lambda _: f"127.0.0.1:{server.port}")
    output = await asyncio.to_thread(translate, work, most_turns=1)
    assert engine.told[-1].turns == (Turn("customer", "c1r0 at 1000", "en"),)
    assert json.loads(work.artifacts.get(output.document["translation"]))["model"]["name"] == "llama"
    await asyncio.to_thread(translate, work)
    assert not engine.told[-1].turns
    work.channels.close()
    await server.stop()


def test_how_many_go_along_depends_on_who_translates() -> None:
    assert TranslationSettings().turns == 0
    assert TranslationSettings(translation_engines="fxtranslate,chat:llama").turns == 6
    assert TranslationSettings(translation_engines="chat:llama", translation_turns=0).turns == 0
    assert TranslationSettings(translation_turns=9).turns == 9
