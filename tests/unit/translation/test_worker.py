"""The translation stage against a real server with the fake engine."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.shared.artifacts.local import LocalArtifacts
from services.shared.errors import Unsupported
from services.shared.leases import Lease
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Claim
from services.shared.rpc.client import Channels
from services.shared.rpc.server import start
from services.shared.stage import Work
from services.shared.tasks import TRANSCRIBE, TRANSLATE
from services.translation.core import TranslationCore
from services.translation.engines.fake import FakeEngine
from services.translation.engines.trade import alone
from services.translation.server import spec
from services.translation.settings import TranslationSettings
from services.translation.worker import HANDLERS
from tests.unit.translation.marking import Marking, core_of

Make = Callable[..., Work]
WHISPER = {"name": "whisper", "revision": "abc"}
FAKE = {"name": "fake-marks", "revision": "1", "sha256": ""}


@pytest.fixture
def core() -> TranslationCore:
    """What the server runs on."""
    return TranslationCore(alone(FakeEngine()), 50_000)


@pytest.fixture
async def make(tmp_path: Path, ledger: Ledger, core: TranslationCore) -> AsyncIterator[Make]:
    """Makes units of work; a transcript or a text is stored for them."""
    settings = TranslationSettings(translation_engines="fake")
    server = await start(replace(spec(settings), load=lambda: core), settings)
    channels = Channels(lambda _: f"127.0.0.1:{server.port}")
    artifacts = LocalArtifacts(tmp_path)

    def made(
        *,
        transcript: dict[str, Any] | None = None,
        text: str = "",
        source: str = "en",
        target: str = "pt-BR",
        terms: Sequence[Mapping[str, Any]] = (),
    ) -> Work:
        languages = {"source_language": source, "target_language": target}
        # Its name is never used again: workers remember glossaries by it.
        snapshot = artifacts.put(uuid.uuid4().hex, json.dumps({"terms": terms}).encode())
        glossary = {"glossary": {"key": snapshot.key}} if terms else {}
        stored = artifacts.put("in", json.dumps(transcript).encode() if transcript else text.encode())
        claim = Claim(
            unit="unit_1",
            job="job_1",
            stage=TRANSLATE,
            index="c0r3" if transcript else "job",
            attempt=1,
            failures=0,
            tenant="default",
            spec=glossary if transcript else {"input": {"key": stored.key}, **languages, **glossary},
            payload=languages if transcript else {},
            inputs={TRANSCRIBE: {"transcript": stored.key, "empty": False}} if transcript else {},
        )
        return Work(claim, artifacts, channels, Lease(claim), 10.0, ledger)

    yield made
    channels.close()
    await server.stop()


async def translated(work: Work) -> dict[str, Any]:
    """Run the handler; return the stored document, checked against the output."""
    output = await asyncio.to_thread(HANDLERS[TRANSLATE], work)
    assert output.children == ()
    assert output.document.keys() == {"translation", "empty"}
    document: dict[str, Any] = json.loads(work.artifacts.get(output.document["translation"]))
    assert document.keys() - {"terms", "models"} == {"text", "warnings", "model"}
    assert output.document["empty"] == (not document["text"])
    return document


def spoken(text: str, **more: object) -> dict[str, Any]:
    return {"text": text, "language": "en", "words": [], "model": WHISPER, **more}


async def test_a_regions_transcript_is_translated(make: Make) -> None:
    document = await translated(make(transcript=spoken("Order 12. Thanks!")))
    assert document == {"text": "Order_pt 12. Thanks_pt!", "warnings": [], "model": FAKE}


async def test_a_jobs_text_is_translated(make: Make) -> None:
    document = await translated(make(text="Olá, você.\nTudo bem?", source="pt-BR", target="en"))
    assert document == {"text": "Olá_en, você_en.\nTudo_en bem_en?", "warnings": [], "model": FAKE}


TERMS = [
    {"source": "order", "target": {"pt-BR": "pedido", "es": "orden"}},
    {"source": "Care Plus", "keep": True, "case_sensitive": True, "later": "unknown here"},
    {"source": "thanks", "source_language": "de", "target": {"pt": "danke"}},
]


@pytest.mark.parametrize("of", ["transcript", "text"])
async def test_the_glossary_says_what_must_become_what(make: Make, of: str) -> None:
    text = "Order Care Plus. Thanks!"
    made: dict[str, Any] = {"transcript": spoken(text)} if of == "transcript" else {"text": text}
    document = await translated(make(**made, terms=TERMS))
    assert document["text"] == "Pedido Care Plus. Thanks_pt!"
    assert document["terms"] == [
        {"source": "order", "target": "pedido", "hit": True},
        {"source": "Care Plus", "target": "Care Plus", "hit": True},
    ]


async def test_a_term_that_is_lost_is_told(make: Make) -> None:
    # Without a space, the fake engine writes its mark right before every disguise.
    document = await translated(make(text="日本order", terms=TERMS))
    assert document["terms"] == [{"source": "order", "target": "pedido", "hit": False}]


async def test_the_recognisers_uses_of_terms_are_passed_through(make: Make) -> None:
    found = [{"source": "pedido", "target": "order", "hit": True}]
    made = spoken("pedido", translation={"text": "order", "terms": found})
    document = await translated(make(transcript=made, source="pt", target="en", terms=TERMS))
    assert document["terms"] == found


@pytest.mark.parametrize("empty", ["", " \n"])
async def test_silence_stays_silence_without_a_call(make: Make, empty: str) -> None:
    nothing = {"text": "", "warnings": [], "model": {"name": "", "revision": "", "sha256": ""}}
    assert await translated(make(transcript=spoken(empty), target="xx")) == nothing
    assert await translated(make(text=empty, target="xx")) == nothing


async def test_what_the_recogniser_translated_is_passed_through(make: Make) -> None:
    made = spoken("olá", translation={"text": "hello"})
    document = await translated(make(transcript=made, source="pt", target="en"))
    assert document == {"text": "hello", "warnings": [], "model": WHISPER}


async def test_a_warning_and_a_model_of_the_recognisers_translation_are_kept(make: Make) -> None:
    translation = {"text": "hello", "warnings": ["repeats"], "model": FAKE}
    document = await translated(make(transcript=spoken("olá", translation=translation)))
    assert document == translation


async def test_a_region_in_the_target_language_is_passed_on_as_it_is(make: Make) -> None:
    document = await translated(make(transcript=spoken("Bom dia"), source="pt", target="pt-BR"))
    assert (document["text"], document["warnings"]) == ("Bom dia", ["same_language"])


async def test_an_unsupported_pair_fails_the_unit(make: Make) -> None:
    with pytest.raises(Unsupported) as caught:
        await translated(make(transcript=spoken("hello"), target="ja"))
    assert caught.value.code == "unsupported_language_pair"


async def test_no_words_stand_in_the_output(make: Make) -> None:
    output = await asyncio.to_thread(HANDLERS[TRANSLATE], make(transcript=spoken("secret")))
    assert "secret" not in json.dumps(output.document)


@pytest.mark.parametrize("core", [core_of(Marking("to-english", "es-en"), Marking("from-english", "en-pt"))])
async def test_a_way_through_english_names_both_models_and_says_so(make: Make) -> None:
    document = await translated(make(transcript=spoken("Hola"), source="es", target="pt"))
    models = [{"name": name, "revision": "1", "sha256": ""} for name in ("to-english", "from-english")]
    assert document == {
        "text": "Hola_en_pt",
        "warnings": ["pivoted"],
        "model": models[1],
        "models": models,
    }
