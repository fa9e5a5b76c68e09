"""Glossaries: kept for a tenant, copied for a job, heeded by every stage, and told of in the result."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import numpy as np
import pytest
import pytest_asyncio

from services.asr import worker as asr
from services.codec import worker as codec
from services.gateway.glossaries.model import MAX_TERMS
from services.gateway.glossaries.store import MOST_BYTES, MOST_GLOSSARIES
from services.gateway.jobs.finish import Finisher
from services.gateway.storage.redis import RedisJobStore
from services.shared.artifacts.local import LocalArtifacts
from services.shared.stage import StageRunner
from services.shared.tasks import SERVICES
from services.translation import worker as translation
from services.tts import worker as tts
from tests.support.desk import Desk, desk, lonely
from tests.support.gateway_house import fakes, serving
from tests.support.recordings import wav
from tests.support.speech import silence, tone

CLAIM = {"source": "claim", "source_language": "en", "target": {"pt-BR": "sinistro"}}
PLUS = {"source": "Care Plus", "keep": True, "spoken": {"pt": "quér plâs mais longo"}}
TEXT = {"kind": "text_translation", "source_language": "en", "target_language": "pt-BR"}
SCHEMA = json.loads((resources.files("services.gateway.jobs") / "result.schema.json").read_text())
HANDLERS = {**codec.HANDLERS, **asr.HANDLERS, **translation.HANDLERS, **tts.HANDLERS}


@pytest.fixture(scope="module")
def targets() -> Iterator[dict[str, str]]:
    """Where the model servers are."""
    with serving(fakes()) as running:
        yield running


@pytest_asyncio.fixture
async def front(redis_url: str, tmp_path: Path, targets: dict[str, str]) -> AsyncIterator[Desk]:
    """A gateway with model servers."""
    async with desk(lonely(redis_url, tmp_path).model_copy(update=targets)) as made:
        yield made


@pytest_asyncio.fixture
async def acme(front: Desk) -> httpx.AsyncClient:
    """A client of a tenant."""
    return await front.holder("acme")


async def make(client: httpx.AsyncClient, *terms: dict[str, Any], name: str = "products") -> dict[str, Any]:
    """Make a glossary."""
    answer = await client.post("/v1/glossaries", json={"name": name, "terms": terms})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/v1/glossaries/{made['id']}"
    return made


async def ended(front: Desk, client: httpx.AsyncClient, job: str) -> dict[str, Any]:
    """Do all the work that there is, as the stage workers and the reconciler do; return the job's result."""
    artifacts = LocalArtifacts(front.settings.artifacts_dir)
    runner = StageRunner(HANDLERS, front.ledger, artifacts, lambda _: None, front.settings)
    finisher = Finisher(RedisJobStore(front.ledger), artifacts)
    for _ in range(40):
        for service in SERVICES:
            await asyncio.to_thread(runner.run, service)
        for each in front.ledger.take_finishing(10):
            finisher.finish(each)
    answer = await client.get(f"/v1/jobs/{job}/result")
    assert answer.status_code == 200, (await client.get(f"/v1/jobs/{job}")).text
    result: dict[str, Any] = answer.json()
    jsonschema.validate(result, SCHEMA)
    return result


async def submit(client: httpx.AsyncClient, spec: dict[str, Any], file: bytes | None = None) -> str:
    """Submit a job; return its id."""
    body: dict[str, Any] = {"json": spec}
    if file is not None:
        body = {"files": {"file": ("call.wav", file)}, "data": {"spec": json.dumps(spec)}}
    answer = await client.post("/v1/jobs", **body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def kept(front: Desk, name: str = "glossary.json") -> list[Path]:
    """Return the copies of glossaries that jobs keep."""
    return [path for path in front.settings.artifacts_dir.rglob(name) if path.is_file()]


# The object


async def test_a_glossary_is_made_shown_replaced_and_deleted(acme: httpx.AsyncClient) -> None:
    made = await make(acme, CLAIM, PLUS)
    assert (made["name"], made["version"], made["created_at"]) == ("products", 1, made["updated_at"])
    assert made["terms"][0] == {
        "source": "claim", "target": {"pt-BR": "sinistro"}, "keep": False, "source_language": "en",
        "case_sensitive": False, "spoken": {}, "hint": True,
    }  # fmt: skip
    path = f"/v1/glossaries/{made['id']}"
    assert (await acme.get(path)).json() == made
    changed = (await acme.put(path, json={"name": "names", "terms": made["terms"][1:]})).json()
    assert (changed["id"], changed["name"], changed["version"]) == (made["id"], "names", 2)
    assert (changed["terms"], changed["created_at"]) == (made["terms"][1:], made["created_at"])
    assert changed["updated_at"] > made["updated_at"]
    assert (await acme.get("/v1/glossaries")).json() == {"glossaries": [changed], "next_page_token": ""}
    assert (await acme.delete(path)).status_code == 204
    for gone in (
        await acme.get(path),
        await acme.delete(path),
        await acme.put(path, json={"name": "a", "terms": []}),
    ):
        assert (gone.status_code, gone.json()["code"]) == (404, "glossary_not_found")


async def test_glossaries_are_listed_newest_first_page_by_page(acme: httpx.AsyncClient) -> None:
    made = [(await make(acme, name=str(number)))["id"] for number in range(5)]
    found, token = [], ""
    while True:
        page = (await acme.get("/v1/glossaries", params={"page_size": 2, "page_token": token})).json()
        found += [each["id"] for each in page["glossaries"]]
        token = page["next_page_token"]
        if not token:
            break
    assert found == made[::-1]
    wrong = await acme.get("/v1/glossaries", params={"page_token": "x"})
    assert wrong.json()["code"] == "invalid_page_token"


async def test_words_are_kept_in_one_spelling_and_languages_too(acme: httpx.AsyncClient) -> None:
    made = await make(acme, {"source": " Cafe\u0301  Plus ", "target": {"PT-br": "Café Mais"}})
    assert made["terms"][0]["source"] == "Café Plus"
    assert made["terms"][0]["target"] == {"pt-BR": "Café Mais"}


@pytest.mark.parametrize(
    ("terms", "field", "said"),
    [
        ([{}], "terms.0.source", "required"),
        ([PLUS, {"source": "x" * 129}], "terms.1.source", "128"),
        ([{"source": "  "}], "terms.0.source", ""),
        ([{**CLAIM, "target": {"Portuguese!": "x"}}], "terms.0.target", ""),
        ([{**CLAIM, "keep": True}], "terms.0", "either keep or target"),
        ([{"source": "x", "hint": False}], "terms.0", "does nothing"),
        ([{"source": "x", "colour": "red"}], "terms.0.colour", "not permitted"),
        ([{"source": "x"}, {"source": "y"}, {"source": "X"}], "", "terms.2 repeats the source of terms.0"),
        ([{"source": f"x{number}"} for number in range(MAX_TERMS + 1)], "terms", "1000"),
        ("no list", "terms", "list"),
    ],
)
async def test_what_is_wrong_with_a_glossary_is_named(
    acme: httpx.AsyncClient, terms: Any, field: str, said: str
) -> None:
    answer = await acme.post("/v1/glossaries", json={"name": "a", "terms": terms})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter")
    (error,) = answer.json()["errors"]
    assert error["field"].startswith(field) if field else error["field"] in {"", "body"}
    assert said in error["message"]
    assert (await acme.get("/v1/glossaries")).json()["glossaries"] == []


async def test_a_tenant_has_so_many_glossaries_and_no_more(front: Desk, acme: httpx.AsyncClient) -> None:
    shelf = front.context.glossaries
    assert shelf is not None
    first = await make(acme, CLAIM)
    stored = front.ledger._redis.hget(key := f"{front.settings.key_prefix}glossaries:acme", first["id"])
    for number in range(MOST_GLOSSARIES - 1):
        front.ledger._redis.hset(key, f"glo_{number:032x}", str(stored))
    full = await acme.post("/v1/glossaries", json={"name": "a", "terms": []})
    assert (full.status_code, full.json()["code"]) == (409, "too_many_glossaries")
    await make(await front.holder("other"), CLAIM)
    await acme.delete(f"/v1/glossaries/{first['id']}")
    await make(acme, CLAIM)


async def test_a_tenants_glossaries_take_so_much_memory_and_no_more(
    front: Desk, acme: httpx.AsyncClient
) -> None:
    made = await make(acme, CLAIM)
    key, other = f"{front.settings.key_prefix}glossaries:acme", f"glo_{1:032x}"
    size_bytes = front.ledger._redis.hstrlen(key, made["id"])
    front.ledger._redis.hset(key, other, "x" * (MOST_BYTES - size_bytes - 20))
    body, path = {"name": "products", "terms": [CLAIM]}, f"/v1/glossaries/{made['id']}"
    # A change of the same size fits, whatever else there is.
    assert (await acme.put(path, json=body)).status_code == 200
    longer = body | {"name": "products, and what they are called"}
    for refused in (await acme.put(path, json=longer), await acme.post("/v1/glossaries", json=body)):
        assert (refused.status_code, refused.json()["code"]) == (409, "too_many_glossaries")
    front.ledger._redis.hdel(key, other)
    assert (await acme.put(path, json=longer)).json()["version"] == 3


async def test_of_changes_at_once_none_is_lost(acme: httpx.AsyncClient) -> None:
    made = await make(acme, CLAIM)
    path = f"/v1/glossaries/{made['id']}"
    answers = await asyncio.gather(*(acme.put(path, json={"name": str(n), "terms": []}) for n in range(12)))
    assert sorted(answer.json()["version"] for answer in answers) == list(range(2, 14))
    last = max((answer.json() for answer in answers), key=lambda shown: shown["version"])
    assert (await acme.get(path)).json() == last


# Jobs


async def test_a_text_keeps_to_the_glossary_and_the_result_says_so(
    front: Desk, acme: httpx.AsyncClient
) -> None:
    made = await make(acme, CLAIM, PLUS, {"source": "policy", "target": {"pt": "apólice"}})
    job = await submit(acme, TEXT | {"text": "My claim with care plus.", "glossary_id": made["id"]})
    result = await ended(front, acme, job)
    assert result["translation"]["text"] == "My_pt sinistro with_pt Care Plus."
    assert result["terms"] == [
        {"source": "claim", "target": "sinistro", "hit": True},
        {"source": "Care Plus", "target": "Care Plus", "hit": True},
    ]
    assert result["glossary"] == {
        "id": made["id"],
        "version": 1,
        "terms": [
            {"source": "claim", "target": "sinistro", "hits": 1, "misses": 0},
            {"source": "Care Plus", "target": "Care Plus", "hits": 1, "misses": 0},
        ],
    }
    assert (result["warnings"], result["needs_review"]) == ([], False)


async def test_a_term_that_was_missed_needs_a_review(front: Desk, acme: httpx.AsyncClient) -> None:
    made = await make(acme, CLAIM)
    # Without a space, the fake engine writes its mark right before every disguise.
    job = await submit(acme, TEXT | {"text": "日本claim", "glossary_id": made["id"]})
    result = await ended(front, acme, job)
    assert result["terms"] == [{"source": "claim", "target": "sinistro", "hit": False}]
    assert result["glossary"]["terms"][0]["misses"] == 1
    assert (result["warnings"], result["needs_review"]) == (["term_missed"], True)


async def test_a_call_keeps_to_the_glossary_at_every_stage(front: Desk, acme: httpx.AsyncClient) -> None:
    terms = (
        {"source": "Twofold", "keep": True, "spoken": {"pt": "t"}},
        {"source": "four", "source_language": "en", "target": {"pt": "quatro"}},
        {"source": "quatro", "source_language": "pt", "target": {"en": "four"}},
    )
    made = await make(acme, *terms)
    spec = {"kind": "speech_translation", "source_language": "en", "target_language": "pt-BR"}
    call = wav(np.concatenate([silence(1), tone(2), silence(2), tone(1), silence(1)]), 16_000)
    job = await submit(acme, spec | {"glossary_id": made["id"]}, call)
    result = await ended(front, acme, job)
    first, second = result["channels"][0]["regions"]
    assert first["source"]["text"].startswith("zero one Twofold three four")
    assert first["translation"]["text"].startswith("01 Twofold three_pt quatro")
    assert [use["hit"] for use in first["terms"]] == [True, True]
    assert [use["source"] for use in second["terms"]] == ["Twofold"]
    assert [(use["source"], use["hits"]) for use in result["glossary"]["terms"]] == [
        ("Twofold", 2),
        ("four", 1),
    ]
    # Of the fake voice every letter takes as long as any other: "t" is shorter than "Twofold", and digits are
    # read one by one.
    written = sum(map(str.isalnum, second["translation"]["text"].replace("01", "zero um")))
    letters = written - len("Twofold") + len("t")
    assert second["speech"]["duration_ms"] * second["speech"]["stretch"] == pytest.approx(letters * 60, abs=1)


async def test_a_recording_that_recognition_translates_tells_of_its_terms(
    front: Desk, acme: httpx.AsyncClient
) -> None:
    made = await make(acme, {"source": "dois", "source_language": "pt", "target": {"en": "Twofold"}})
    spec = {
        "kind": "transcription",
        "source_language": "pt",
        "target_language": "en",
        "glossary_id": made["id"],
    }
    call = wav(np.concatenate([silence(1), tone(1), silence(1)]), 16_000)
    result = await ended(front, acme, await submit(acme, spec, call))
    (region,) = result["channels"][0]["regions"]
    assert region["translation"]["text"] == "zero one Twofold three"
    assert region["terms"] == [{"source": "dois", "target": "Twofold", "hit": True}]


async def test_spoken_text_is_read_as_the_glossary_says(front: Desk, acme: httpx.AsyncClient) -> None:
    made = await make(acme, PLUS)
    spec = {"kind": "speech", "text": "Care Plus", "language": "pt-BR", "glossary_id": made["id"]}
    result = await ended(front, acme, await submit(acme, spec))
    assert result["speech"]["duration_ms"] == len("quérplâsmaislongo") * 60
    assert result["glossary"]["terms"] == []


async def test_a_job_keeps_the_glossary_as_it_was(front: Desk, acme: httpx.AsyncClient) -> None:
    made = await make(acme, CLAIM)
    path = f"/v1/glossaries/{made['id']}"
    job = await submit(acme, TEXT | {"text": "My claim", "glossary_id": made["id"]})
    await acme.put(path, json={"name": "a", "terms": [{**CLAIM, "target": {"pt": "queixa"}}]})
    later = await submit(acme, TEXT | {"text": "My claim", "glossary_id": made["id"]})
    await acme.delete(path)
    results = [await ended(front, acme, each) for each in (job, later)]
    assert [each["translation"]["text"] for each in results] == ["My_pt sinistro", "My_pt queixa"]
    assert [each["glossary"]["version"] for each in results] == [1, 2]


async def test_the_ledger_holds_no_word_of_a_glossary(front: Desk, acme: httpx.AsyncClient) -> None:
    made = await make(acme, CLAIM)
    job = await submit(acme, TEXT | {"text": "My claim", "glossary_id": made["id"]})
    await acme.delete(f"/v1/glossaries/{made['id']}")
    await ended(front, acme, job)
    redis = front.ledger._redis
    prefix = front.settings.key_prefix
    texts = [redis.hgetall(key) for key in redis.scan_iter(f"{prefix}*", _type="hash")]
    assert job in str(texts)
    assert "sinistro" not in str(texts)


async def test_the_copy_is_gone_with_the_job(front: Desk, acme: httpx.AsyncClient) -> None:
    made = await make(acme, CLAIM)
    job = await submit(acme, TEXT | {"text": "My claim", "glossary_id": made["id"]})
    await ended(front, acme, job)
    assert len(kept(front)) == 1
    assert (await acme.delete(f"/v1/jobs/{job}")).is_success
    assert kept(front) == kept(front, "input") == []


@pytest.mark.parametrize("whose", ["nobody", "another"])
async def test_a_glossary_that_is_not_there_is_no_glossary(
    front: Desk, acme: httpx.AsyncClient, whose: str
) -> None:
    others = await make(await front.holder("other"), CLAIM)
    wanted = others["id"] if whose == "another" else f"glo_{0:032x}"
    answer = await acme.post("/v1/jobs", json=TEXT | {"text": "My claim", "glossary_id": wanted})
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_glossary")
    assert kept(front) == kept(front, "input") == []
