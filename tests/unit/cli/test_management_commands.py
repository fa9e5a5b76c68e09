"""The commands about keys, tenants, usage, glossaries and webhooks, run as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from services.cli.commands import glossaries
from services.cli.main import app
from services.shared.errors import DragomanError, InvalidRequest
from tests.support.stub_gateway import Answer, StubGateway
from tests.unit.client.test_management import GLOSSARY, KEY, NOW, WEBHOOK


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "160"})


def sent(gateway: StubGateway) -> Any:
    return json.loads(gateway.requests[-1][2])


def page(plural: str, *found: dict[str, Any]) -> dict[str, Any]:
    return {plural: found, "next_page_token": ""}


def test_a_new_key_stands_alone_on_standard_output(gateway: StubGateway) -> None:
    gateway.say("POST /v1/keys", KEY | {"key": "dgm_secret"}, 201)
    done = run("keys", "create", "acme", "--name", "ci", "--scope", "jobs:read", "--scope", "jobs:write")
    assert (done.exit_code, done.stdout) == (0, "dgm_secret\n")
    assert "key_1" in done.stderr
    assert sent(gateway) == {"tenant": "acme", "name": "ci", "scopes": ["jobs:read", "jobs:write"]}


def test_a_key_may_end(gateway: StubGateway) -> None:
    gateway.say("POST /v1/keys", KEY | {"key": "dgm_secret"}, 201)
    assert run("keys", "create", "acme", "--expires", "2027-01-01").exit_code == 0
    assert sent(gateway)["expires_at"].startswith("2027-01-01T00:00:00")
    assert len(sent(gateway)["expires_at"]) > len("2027-01-01T00:00:00"), "it names its time zone"


def test_keys_are_listed_and_revoked(gateway: StubGateway) -> None:
    gateway.say("GET /v1/keys", page("keys", KEY))
    gateway.say("DELETE /v1/keys/key_1", KEY | {"revoked_at": NOW})
    listed = run("keys", "list", "--tenant", "acme").output
    assert listed.splitlines()[1].split()[:4] == ["key_1", "acme", "ci", "jobs:read"]
    assert run("keys", "revoke", "key_1").output == "key_1 revoked\n"


LIMITS = {
    "requests_per_minute": 60,
    "concurrent_requests": None,
    "unfinished_jobs": 5,
    "storage_bytes": None,
    "audio_minutes_per_month": None,
}


def test_tenants_are_listed_and_shown(gateway: StubGateway) -> None:
    gateway.say("GET /v1/tenants", page("tenants", {"name": "acme", "limits": LIMITS}))
    gateway.say("GET /v1/tenants/acme", {"name": "acme", "limits": LIMITS})
    assert run("tenants", "list").output.splitlines()[1].split() == [
        "acme", "60", "default", "5", "default", "default", "default",
    ]  # fmt: skip
    assert ["unfinished", "jobs", "5"] in [
        line.split() for line in run("tenants", "show", "acme").output.splitlines()
    ]


def test_setting_one_limit_leaves_the_others(gateway: StubGateway) -> None:
    gateway.say("GET /v1/tenants/acme", {"name": "acme", "limits": LIMITS})
    gateway.say("PUT /v1/tenants/acme", {"name": "acme", "limits": LIMITS})
    done = run("tenants", "set", "acme", "--storage-bytes", "1000", "--unfinished-jobs", "default")
    assert done.exit_code == 0, done.output
    changed = {"storage_bytes": 1000, "unfinished_jobs": None}
    assert sent(gateway) == {"name": "acme", "limits": LIMITS | changed}


def test_a_limit_that_is_no_number_says_so(gateway: StubGateway) -> None:
    with pytest.raises(InvalidRequest, match="default") as caught:
        CliRunner().invoke(app, ["tenants", "set", "acme", "--storage-bytes", "much"], catch_exceptions=False)
    assert caught.value.code == "limit_syntax"
    assert gateway.requests == []


def test_usage_is_shown_by_stage(gateway: StubGateway) -> None:
    stage = {"stage": "asr.transcribe", "units": 4, "audio_ms": 65_000, "served_ms": 30_500}
    used = {"tenant": "acme", "from": "2026-01-01", "to": "2026-01-31", "storage_bytes": 7_000_000}
    gateway.say("GET /v1/usage", used | {"stages": [stage], "days": []})
    lines = run("usage", "--from", "2026-01-01", "--to", "2026-01-31", "--tenant", "acme").output.splitlines()
    assert gateway.queries == ["from=2026-01-01&to=2026-01-31&tenant=acme"]
    assert lines[0] == "acme, 2026-01-01 to 2026-01-31: 7.0 MB stored"
    assert lines[2].split() == ["asr.transcribe", "4", "01:05", "30.5", "s"]


@pytest.fixture
def words(tmp_path: Path) -> Path:
    file = tmp_path / "words.json"
    file.write_text(json.dumps({"name": "products", "terms": [{"source": "dial tone", "keep": True}]}))
    return file


def test_a_glossary_is_made_or_replaced_by_its_name(gateway: StubGateway, words: Path) -> None:
    gateway.say("GET /v1/glossaries", page("glossaries"))
    gateway.say("GET /v1/glossaries", page("glossaries", GLOSSARY | {"name": "other"}, GLOSSARY))
    gateway.say("POST /v1/glossaries", GLOSSARY, 201)
    gateway.say("PUT /v1/glossaries/glo_1", GLOSSARY)
    for request in ("POST /v1/glossaries", "PUT /v1/glossaries/glo_1"):
        assert run("glossaries", "set", str(words)).output == "glo_1\n"
        assert gateway.asked()[-1] == request
        assert sent(gateway) == json.loads(words.read_text())


def test_a_glossary_that_is_shown_can_be_set_again(gateway: StubGateway, tmp_path: Path) -> None:
    gateway.say("GET /v1/glossaries/glo_1", GLOSSARY)
    shown = tmp_path / "shown.json"
    shown.write_text(run("glossaries", "show", "glo_1").output)
    assert glossaries.read(shown) == {"name": "products", "terms": GLOSSARY["terms"]}


@pytest.mark.parametrize("text", ["", "[]", '{"name": "products"}', '{"name": "p", "terms": 7}'])
def test_a_file_that_is_no_glossary_says_what_one_is(tmp_path: Path, text: str) -> None:
    (tmp_path / "words.json").write_text(text)
    with pytest.raises(InvalidRequest, match="terms") as caught:
        glossaries.read(tmp_path / "words.json")
    assert caught.value.code == "glossary_syntax"


def test_glossaries_are_listed_and_deleted(gateway: StubGateway) -> None:
    gateway.say("GET /v1/glossaries", page("glossaries", GLOSSARY))
    gateway.add("DELETE /v1/glossaries/glo_1", Answer(b"", 204))
    assert run("glossaries", "list").output.splitlines()[1].split()[:4] == ["glo_1", "products", "1", "2"]
    assert run("glossaries", "delete", "glo_1").output == "glo_1 deleted\n"


@pytest.mark.parametrize("command", [("add", "https://example.org/hook"), ("rotate", "whk_1")])
def test_a_new_secret_stands_alone_on_standard_output(gateway: StubGateway, command: tuple[str, str]) -> None:
    for request in ("POST /v1/webhooks", "POST /v1/webhooks/whk_1/rotate"):
        gateway.say(request, WEBHOOK | {"secret": "whsec_1"}, 201)
    done = run("webhooks", *command)
    assert (done.exit_code, done.stdout) == (0, "whsec_1\n")
    assert "whk_1" in done.stderr


def test_an_endpoint_may_hear_only_of_what_names_it(gateway: StubGateway) -> None:
    gateway.say("POST /v1/webhooks", WEBHOOK | {"secret": "whsec_1"}, 201)
    run("webhooks", "add", "https://example.org/hook", "--event", "job.failed", "--only-named")
    assert sent(gateway) == {
        "url": "https://example.org/hook",
        "events": ["job.failed"],
        "all_jobs": False,
    }


def test_endpoints_and_their_deliveries_are_listed(gateway: StubGateway) -> None:
    off = WEBHOOK | {"id": "whk_2", "enabled": False, "disabled_reason": "gone"}
    gateway.say("GET /v1/webhooks", page("webhooks", WEBHOOK, off))
    delivery = {"id": "dlv_1", "state": "failed", "type": "job.failed", "created_at": NOW}
    gateway.say("GET /v1/webhooks/whk_1/deliveries", page("deliveries", delivery))
    lines = run("webhooks", "list").output.splitlines()
    assert lines[1].split() == ["whk_1", "https://example.org/hook", "all", "jobs", "on"]
    assert lines[2].split()[-2:] == ["off:", "gone"]
    shown = run("webhooks", "deliveries", "whk_1", "--state", "failed").output
    assert shown.splitlines()[1].split()[:3] == ["dlv_1", "job.failed", "failed"]


def test_endpoints_are_tried_told_again_and_deleted(gateway: StubGateway) -> None:
    delivery = {"id": "dlv_1", "state": "pending"}
    gateway.say("POST /v1/webhooks/whk_1/test", delivery, 202)
    gateway.say("POST /v1/webhooks/whk_1/deliveries/dlv_1/replay", delivery, 202)
    gateway.add("DELETE /v1/webhooks/whk_1", Answer(b"", 204))
    assert run("webhooks", "test", "whk_1").exit_code == 0
    assert run("webhooks", "replay", "whk_1", "dlv_1").exit_code == 0
    assert run("webhooks", "delete", "whk_1").exit_code == 0
    assert [request.partition(" ")[0] for request in gateway.asked()] == ["POST", "POST", "DELETE"]


def test_a_job_is_erased_for_a_receipt(gateway: StubGateway) -> None:
    gateway.say("DELETE /v1/jobs/job_1", {"id": "era_1", "job": "job_1", "erased_at": NOW})
    assert run("erase", "job_1").output == "era_1\n"


def test_an_error_keeps_its_code(gateway: StubGateway) -> None:
    gateway.say("GET /v1/keys", {"code": "missing_scope", "detail": "Use another key."}, 403)
    with pytest.raises(DragomanError) as caught:
        CliRunner().invoke(app, ["keys", "list"], catch_exceptions=False)
    assert caught.value.code == "missing_scope"
