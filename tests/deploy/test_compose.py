"""docker-compose.yml keeps its rules, and each rule can fail."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.deploy import compose
from tests.deploy.compose import RULES, Stack

Rule = Callable[[Stack], Iterator[str]]


@pytest.fixture(scope="module")
def stack() -> Stack:
    return compose.load()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_file_keeps_the_rule(stack: Stack, rule: Rule) -> None:
    assert list(rule(stack)) == []


PROBE = ["CMD", "python", "-P", "-m", "services.shared.probe"]
FAULTS: list[tuple[Rule, str, str, Any]] = [
    (compose.whole, "asr-worker", "command", ["python", "-P", "-m", "services.tts.worker"]),
    (compose.confined, "asr", "read_only", False),
    (compose.confined, "asr", "cap_add", ["NET_RAW"]),
    (compose.confined, "asr", "security_opt", []),
    (compose.confined, "redis", "user", "root"),
    (compose.confined, "gateway", "network_mode", "host"),
    (compose.bounded, "asr", "mem_limit", None),
    (compose.bounded, "asr", "logging", {}),
    (compose.versioned, "asr", "image", "dragoman-asr:latest"),
    (compose.versioned, "prometheus", "image", "prom/prometheus:v3.5.0"),
    (compose.watched, "gateway", "healthcheck", {"test": [*PROBE, "liveness"]}),
    (compose.watched, "asr", "restart", "no"),
    (compose.configured, "asr", "environment", {"DRAGOMAN_TTS_SLOTS": None}),
    (compose.configured, "redis", "environment", {"DRAGOMAN_REDIS_PASS": None}),
    (compose.settable, "codec-worker", "environment", {"DRAGOMAN_FETCH_ALLOWED_HOSTS": None}),
    (compose.settable, "tts", "environment", {"DRAGOMAN_TTS_SLOTS": None}),
    (compose.reached, "asr-worker", "environment", {"DRAGOMAN_ASR_TARGET": "dns:///asr:50052"}),
    (compose.reached, "asr-worker", "networks", ["outside"]),
    (compose.ordered, "redis", "healthcheck", None),
    (compose.ordered, "models", "restart", "always"),
    (compose.drained, "asr", "stop_grace_period", "15s"),
    (compose.closed, "gateway", "ports", ["8080:8080"]),
    (compose.closed, "tts", "networks", ["inside", "outside"]),
    (compose.stored, "asr", "volumes", ["models:/models"]),
    (compose.stored, "asr", "volumes", ["model:/models:ro"]),
    (compose.told, "reconciler", "environment", {}),
    (compose.told, "tts", "environment", {"DRAGOMAN_TTS_SLOTS": 4}),
]


@pytest.mark.parametrize(("rule", "service", "key", "value"), FAULTS)
def test_a_planted_fault_is_found(stack: Stack, rule: Rule, service: str, key: str, value: Any) -> None:
    changed = copy.deepcopy(stack)
    if value is None:
        del changed["services"][service][key]
    else:
        changed["services"][service][key] = value
    assert list(rule(changed)) != []


def test_every_rule_has_found_one() -> None:
    assert {rule for rule, *_ in FAULTS} == set(RULES)
