"""Speech too long for its slot and the silence after it is said in fewer words, where somebody knows them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from protos.v1.translation_pb2 import TranslatedText
from services.shared.ledger.ledger import Ledger
from services.tts.fitting import fitted
from tests.support.shortening import Desk, Request, desk, text

# At 60 ms a letter: 4,200 ms for a slot of 3,000 ms and 500 ms of silence, which is enough for 58 letters.
LONG = "a" * 70
SHORT = "b" * 50


@pytest.fixture
async def house(tmp_path: Path, ledger: Ledger) -> AsyncIterator[Desk]:
    """Both servers."""
    async with desk(tmp_path, ledger) as opened:
        opened.answer = lambda _: text(SHORT)
        yield opened


async def test_a_shorter_translation_is_spoken(house: Desk) -> None:
    document = (await house.speak(LONG)).document
    assert document["duration_ms"] == 3000
    assert document["warnings"] == []
    assert json.loads(house.artifacts.get(document["spoken_text"])) == {"text": SHORT}
    assert SHORT not in json.dumps(document)


async def test_it_is_asked_for_as_the_translation_was(house: Desk) -> None:
    entry = {"source": "bill", "target": {"pt-BR": "fatura"}}
    glossary = {"key": house.stored({"terms": [entry]})}
    await house.speak(
        LONG, "the bill", glossary=glossary, models={"translation": "m2m"}, priority="interactive"
    )
    (asked,) = house.asked
    assert (asked.source_language, asked.target_language, asked.model) == ("en", "pt-BR", "m2m")
    assert [*asked.texts] == ["the bill"]
    assert [(term.source, term.target) for term in asked.terms] == [("bill", "fatura")]
    assert asked.max_characters == 58
    assert asked.context.tenant == "acme"


@pytest.mark.parametrize("letters", [50, 55, 58])
async def test_speech_that_fits_is_left_alone(house: Desk, letters: int) -> None:
    document = (await house.speak("a" * letters)).document
    assert document["duration_ms"] == letters * 60
    assert "spoken_text" not in document
    assert house.asked == []


async def test_what_is_still_too_long_is_told(house: Desk) -> None:
    house.answer = lambda _: text("b" * 60)
    document = (await house.speak(LONG)).document
    assert document["duration_ms"] == 3600
    assert document["warnings"] == ["slot_overrun"]
    assert "spoken_text" in document


@dataclass(frozen=True)
class Tone:
    """Speech of 60 ms a letter."""

    text: str

    @property
    def duration_ms(self) -> int:
        return len(self.text) * 60


async def test_translation_does_not_count_for_how_long_speech_takes(house: Desk) -> None:
    def answer(_: Request) -> TranslatedText:
        time.sleep(0.05)  # as long at least as it holds a slot
        return text(SHORT)

    house.answer = answer
    work = house.work({"text": LONG}, {"text": "said"})
    assert await asyncio.to_thread(fitted, work, LONG, (3000, 500), Tone) == (SHORT, Tone(SHORT))
    assert work.served_ms == 0


async def test_the_same_text_is_not_spoken_twice(house: Desk) -> None:
    spoken: list[str] = []

    def speak(words: str) -> Tone:
        spoken.append(words)
        return Tone(words)

    house.answer = lambda _: text(LONG)
    work = house.work({"text": LONG}, {"text": "said"})
    await asyncio.to_thread(fitted, work, LONG, (3000, 500), speak)
    assert spoken == [LONG]
