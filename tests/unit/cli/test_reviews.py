"""When results need a review, on the command line: policies of tenants, and what a job asks for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from services.cli.submission import SubmitOptions
from services.gateway.jobs.spec import parse
from services.shared.errors import InvalidRequest
from tests.support.stub_gateway import StubGateway
from tests.unit.cli.test_management_commands import LIMITS, run, sent

BOUNDS = ("min_confidence", "min_entity_confidence", "max_delay_ms", "max_word_error_rate")
OWN = dict.fromkeys(BOUNDS) | {"min_confidence": 0.7, "ignored": []}
TENANT = {"name": "acme", "limits": LIMITS, "review": OWN}


def changed(gateway: StubGateway, *options: str) -> Any:
    gateway.say("GET /v1/tenants/acme", TENANT)
    gateway.say("PUT /v1/tenants/acme", TENANT)
    done = run("tenants", "set", "acme", *options)
    assert done.exit_code == 0, done.output
    return sent(gateway)


def test_a_tenants_policy_is_shown_beside_its_limits(gateway: StubGateway) -> None:
    gateway.say("GET /v1/tenants/acme", TENANT)
    gateway.say("GET /v1/tenants", {"tenants": [TENANT], "next_page_token": ""})
    shown = [line.split() for line in run("tenants", "show", "acme").output.splitlines()]
    assert ["min", "confidence", "0.7"] in shown
    assert ["max", "delay", "ms", "default"] in shown
    assert ["ignored", "none"] in shown
    assert run("tenants", "list").output.splitlines()[1].split()[-1] == "own"


def test_setting_one_bound_leaves_the_others(gateway: StubGateway) -> None:
    asked = ("--max-delay-ms", "500", "--ignored", "fell_back, hole", "--min-confidence", "default")
    review = {"max_delay_ms": 500, "ignored": ["fell_back", "hole"], "min_confidence": None}
    assert changed(gateway, *asked) == {"name": "acme", "limits": LIMITS, "review": OWN | review}


@pytest.mark.parametrize(("shown", "codes"), [("none", []), ("", []), ("hole", ["hole"]), ("default", None)])
def test_ignored_codes_are_set_as_they_are_shown(
    gateway: StubGateway, shown: str, codes: list[str] | None
) -> None:
    assert changed(gateway, "--ignored", shown)["review"]["ignored"] == codes


def test_a_share_may_be_written_without_its_zero(gateway: StubGateway) -> None:
    assert changed(gateway, "--min-confidence", ".5")["review"]["min_confidence"] == 0.5


def test_setting_a_limit_says_nothing_of_reviews(gateway: StubGateway) -> None:
    assert "review" not in changed(gateway, "--unfinished-jobs", "7")


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--min-confidence", "high", "min confidence takes a number from 0 to 1 or `default`, not 'high'."),
        ("--max-delay-ms", "0.5", "max delay ms takes a whole number or `default`, not '0.5'."),
    ],
)
def test_a_bound_that_is_no_number_says_what_is(
    gateway: StubGateway, option: str, value: str, told: str
) -> None:
    with pytest.raises(InvalidRequest, match=told) as caught:
        CliRunner().invoke(app, ["tenants", "set", "acme", option, value], catch_exceptions=False)
    assert (caught.value.code, gateway.requests) == ("limit_syntax", [])


def test_how_to_speak_is_asked_for_by_options() -> None:
    options = SubmitOptions(
        source="en", target="pt-BR", quality="verify", allow_overlap=True, keep_sounds=False
    )
    spec = options.spec()
    assert (spec["quality"], spec["allow_overlap"], spec["keep_sounds"]) == ("verify", True, False)
    assert parse(json.dumps(spec)).kind == "speech_translation"
