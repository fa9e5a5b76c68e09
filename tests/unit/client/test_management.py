"""Glossaries, webhooks, keys, tenants, usage and stages: what is asked, and how it is read."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

from tests.support.stub_gateway import Answer, StubGateway
from tests.unit.client.conftest import Either

NOW = "2026-01-02T03:04:05Z"
GLOSSARY: dict[str, Any] = {
    "id": "glo_1",
    "name": "products",
    "terms": [{"source": "dial tone", "target": {"pt-BR": "tom de linha"}}],
    "version": 2,
    "created_at": NOW,
    "updated_at": NOW,
}
WEBHOOK: dict[str, Any] = {
    "id": "whk_1",
    "url": "https://example.org/hook",
    "description": None,
    "events": ["job.succeeded"],
    "all_jobs": True,
    "enabled": True,
    "disabled_reason": None,
    "created_at": NOW,
}
KEY: dict[str, Any] = {
    "id": "key_1",
    "tenant": "acme",
    "name": "ci",
    "scopes": ["jobs:read"],
    "created_at": NOW,
    "expires_at": None,
    "revoked_at": None,
}


def sent(gateway: StubGateway) -> Any:
    return json.loads(gateway.requests[-1][2])


def test_glossaries(gateway: StubGateway, either: Either) -> None:
    gateway.say("POST /v1/glossaries", GLOSSARY, 201)
    gateway.say("PUT /v1/glossaries/glo_1", GLOSSARY | {"version": 3})
    gateway.say("GET /v1/glossaries/glo_1", GLOSSARY)
    gateway.say("GET /v1/glossaries", {"glossaries": [GLOSSARY], "next_page_token": ""})
    gateway.add("DELETE /v1/glossaries/glo_1", Answer(b"", 204))
    terms = [{"source": "dial tone", "keep": True}]
    made = either(lambda client: client.glossaries.create("products", terms))
    assert sent(gateway) == {"name": "products", "terms": terms}
    assert made.terms[0].target == {"pt-BR": "tom de linha"}
    assert either(lambda client: client.glossaries.replace(made, "products", terms)).version == 3
    assert either(lambda client: client.glossaries.get(made)) == made
    assert either(lambda client: client.glossaries.list()) == [made]
    assert either(lambda client: client.glossaries.delete("glo_1")) is None


def test_webhooks(gateway: StubGateway, either: Either) -> None:
    gateway.say("POST /v1/webhooks", WEBHOOK | {"secret": "whsec_1"}, 201)
    gateway.say("POST /v1/webhooks/whk_1/rotate", WEBHOOK | {"secret": "whsec_2"})
    gateway.say("PATCH /v1/webhooks/whk_1", WEBHOOK | {"enabled": False})
    gateway.say("GET /v1/webhooks/whk_1", WEBHOOK)
    gateway.say("GET /v1/webhooks", {"webhooks": [WEBHOOK], "next_page_token": ""})
    gateway.add("DELETE /v1/webhooks/whk_1", Answer(b"", 204))
    made = either(lambda client: client.webhooks.create("https://example.org/hook", all_jobs=False))
    assert sent(gateway) == {"url": "https://example.org/hook", "all_jobs": False}
    assert made.secret == "whsec_1"
    assert "whsec" not in repr(made)
    assert either(lambda client: client.webhooks.rotate(made)).secret == "whsec_2"
    assert not either(lambda client: client.webhooks.update(made, enabled=False)).enabled
    assert sent(gateway) == {"enabled": False}
    assert either(lambda client: client.webhooks.get(made)).secret is None
    assert [each.id for each in either(lambda client: client.webhooks.list())] == ["whk_1"]
    assert either(lambda client: client.webhooks.delete(made)) is None


def test_deliveries(gateway: StubGateway, either: Either) -> None:
    attempt = {"at": NOW, "duration_ms": 20, "status_code": 500, "error": "webhook_refused"}
    delivery = {"id": "dlv_1", "state": "failed", "type": "job.failed", "attempts": [attempt]}
    gateway.say("GET /v1/webhooks/whk_1/deliveries", {"deliveries": [delivery], "next_page_token": ""})
    gateway.say("POST /v1/webhooks/whk_1/deliveries/dlv_1/replay", delivery, 202)
    gateway.say("POST /v1/webhooks/whk_1/test", delivery, 202)
    (found,) = either(lambda client: client.webhooks.deliveries("whk_1", state="failed"))
    assert gateway.queries[-1].startswith("state=failed&")
    assert found.attempts[0].status_code == 500
    assert either(lambda client: client.webhooks.replay("whk_1", found)) == found
    assert either(lambda client: client.webhooks.test("whk_1")) == found


def test_keys(gateway: StubGateway, either: Either) -> None:
    gateway.say("POST /v1/keys", KEY | {"key": "dgm_secret"}, 201)
    gateway.say("GET /v1/keys", {"keys": [KEY], "next_page_token": ""})
    gateway.say("GET /v1/keys/key_1", KEY)
    gateway.say("DELETE /v1/keys/key_1", KEY | {"revoked_at": NOW})
    ends = datetime(2027, 1, 1, tzinfo=UTC)
    made = either(lambda client: client.keys.create("acme", scopes=["jobs:read"], expires_at=ends))
    assert sent(gateway) == {
        "tenant": "acme",
        "scopes": ["jobs:read"],
        "expires_at": "2027-01-01T00:00:00+00:00",
    }
    assert made.key == "dgm_secret"
    assert "dgm_secret" not in repr(made)
    assert [each.key for each in either(lambda client: client.keys.list(tenant="acme"))] == [None]
    assert either(lambda client: client.keys.revoke(made)).revoked_at is not None
    assert either(lambda client: client.keys.get(made)).revoked_at is None


def test_tenants(gateway: StubGateway, either: Either) -> None:
    tenant = {"name": "acme", "limits": {"unfinished_jobs": 5, "storage_bytes": None}}
    gateway.say("PUT /v1/tenants/acme", tenant)
    gateway.say("GET /v1/tenants/acme", tenant)
    gateway.say("GET /v1/tenants", {"tenants": [tenant], "next_page_token": ""})
    made = either(lambda client: client.tenants.set("acme", unfinished_jobs=5))
    assert sent(gateway) == {"name": "acme", "limits": {"unfinished_jobs": 5}}
    assert (made.limits.unfinished_jobs, made.limits.requests_per_minute) == (5, None)
    assert either(lambda client: client.tenants.get("acme")) == made
    assert either(lambda client: client.tenants.list()) == [made]


def test_usage(gateway: StubGateway, either: Either) -> None:
    stage = {"stage": "asr.transcribe", "units": 4, "audio_ms": 8000, "served_ms": 3000}
    document = {"tenant": "acme", "from": "2026-01-01", "to": "2026-01-31", "storage_bytes": 7}
    gateway.say("GET /v1/usage", document | {"stages": [stage], "days": []})
    used = either(lambda client: client.usage(start=date(2026, 1, 1), end=date(2026, 1, 31)))
    assert gateway.queries == ["from=2026-01-01&to=2026-01-31"]
    assert (used.start, used.end, used.stages[0].units) == (date(2026, 1, 1), date(2026, 1, 31), 4)


def test_stages(gateway: StubGateway, either: Either) -> None:
    scale = {"service": "asr", "slots": 2, "desired_replicas": 3, "desired_workers": None}
    stage = {"name": "asr.transcribe", "queued": 2, "running": 1, "done": 0}
    pair = {
        "source_language": "pt",
        "target_language": "fr",
        "models": ["tiny", "m2m"],
        "pivot_language": "en",
    }
    voice = {"name": "dora", "language": "pt-BR", "gender": "female", "default": True, "later": "unknown"}
    asr = {
        "name": "base",
        "revision": "1",
        "sha256": "ab",
        "languages": ["en"],
        "translates_to_english": True,
    }
    codec = {"name": "encodec", "bitrates_kbps": [1.5, 3], "default_bitrate_kbps": 3, "packet_ms": 80}
    abilities = {
        "languages": None, "pairs": [pair], "voices": [voice], "codecs": [codec],
        "models": {"asr": [asr], "tts": None},
    }  # fmt: skip
    gateway.say("GET /v1/stages", {"stages": [stage], "scaling": [scale], "capabilities": abilities})
    found = either(lambda client: client.stages())
    assert (found.scaling[0].desired_replicas, found.stages[0].queued) == (3, 2)
    can = found.capabilities
    assert (can.languages, can.models.tts, can.models.translation) == (None, None, None)
    assert (can.pairs or [])[0].pivot_language == "en"
    assert [(each.name, each.gender, each.cloned) for each in can.voices or ()] == [("dora", "female", False)]
    assert (can.codecs or [])[0].bitrates_kbps == [1.5, 3]
    assert [(each.name, each.sha256, each.languages) for each in can.models.asr or ()] == [
        ("base", "ab", ["en"])
    ]


def test_a_gateway_of_an_earlier_version_tells_less_of_what_it_can(
    gateway: StubGateway, either: Either
) -> None:
    pair, voice = {"source_language": "en", "target_language": "pt"}, {"name": "dora", "language": "pt-BR"}
    gateway.say("GET /v1/stages", {"stages": [], "capabilities": {"pairs": [pair], "voices": [voice]}})
    can = either(lambda client: client.stages()).capabilities
    assert (can.pairs[0].models, can.voices[0].gender, can.models.asr) == ([], None, None)
