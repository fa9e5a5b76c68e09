"""The translation itself is spoken, however long, where there is no shorter one that is as good."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from protos.v1.translation_pb2 import TranslatedText
from services.shared.errors import Cancelled
from services.shared.ledger.ledger import Ledger
from services.tts.worker import synthesize
from tests.support.shortening import Desk, Request, desk, text
from tests.support.verifying import Aged

# At 60 ms a letter: 4,200 ms for a slot of 3,000 ms and 500 ms of silence, which is enough for 58 letters.
LONG = "a" * 70
SHORT = "b" * 50


@pytest.fixture
async def house(tmp_path: Path, ledger: Ledger) -> AsyncIterator[Desk]:
    """Both servers."""
    async with desk(tmp_path, ledger) as opened:
        opened.answer = lambda _: text(SHORT)
        yield opened


WORSE = {
    "no shorter": text("b" * 70),
    "nothing": text(""),
    "unspeakable": text("..."),
    "a number was lost": text(SHORT, "entity_mismatch"),
    "a term was lost": text("no such word"),
}


@pytest.mark.parametrize("answer", WORSE.values(), ids=WORSE)
async def test_a_worse_translation_is_not_spoken(house: Desk, answer: TranslatedText) -> None:
    house.answer = lambda _: answer
    glossary = {"key": house.stored({"terms": [{"source": "bill", "target": {"pt-BR": LONG[:9]}}]})}
    terms = {"glossary": glossary} if answer is WORSE["a term was lost"] else {}
    document = (await house.speak(LONG[:9] + " " + LONG[9:], "bill", **terms)).document
    assert len(house.asked) == 1
    assert (document["duration_ms"], document["warnings"]) == (4200, ["slot_overrun"])
    assert "spoken_text" not in document


async def test_an_old_warning_is_no_reason_against_it(house: Desk) -> None:
    house.answer = lambda _: text(SHORT, "pivoted")
    assert "spoken_text" in (await house.speak(LONG, "said", "pivoted")).document


@pytest.mark.parametrize(
    ("warnings", "heard"), [(["same_language"], {}), ([], {"translation": {"text": LONG}})]
)
async def test_what_translation_did_not_make_it_does_not_shorten(
    house: Desk, warnings: list[str], heard: dict[str, Any]
) -> None:
    assert (await house.speak(LONG, "said", *warnings, heard=heard)).document["warnings"] == ["slot_overrun"]
    assert house.asked == []


async def test_without_a_translation_service_the_speech_is_longer(tmp_path: Path, ledger: Ledger) -> None:
    async with desk(tmp_path, ledger, away=True) as alone:
        document = (await alone.speak(LONG)).document
    assert (document["duration_ms"], document["warnings"]) == (4200, ["slot_overrun"])


@pytest.mark.parametrize(("age_s", "asked"), [(14, 1), (16, 0)])
async def test_a_unit_that_took_long_is_not_made_overdue_by_it(house: Desk, age_s: float, asked: int) -> None:
    work = house.work({"text": LONG}, {"text": "said"})
    work.lease = Aged(age_s)  # of 40 s, and a call may take 20
    await asyncio.to_thread(synthesize, work)
    assert len(house.asked) == asked


async def test_a_cancelled_job_ends_while_it_asks(house: Desk) -> None:
    work = house.work({"text": LONG}, {"text": "said"})

    def answer(_: Request) -> TranslatedText:
        work.lease.end()
        return text(SHORT)

    house.answer = answer
    with pytest.raises(Cancelled):
        await asyncio.to_thread(synthesize, work)
