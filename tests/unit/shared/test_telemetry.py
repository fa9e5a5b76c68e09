"""Logs are JSON lines with the service's name, and hold nothing of what was said."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator

import pytest
import structlog

from services.shared import telemetry
from services.shared.config import Settings
from tests.conftest import Logged
from tests.support.redis_server import free_port

SECRET = "my card number is four two seven"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


def test_a_line_names_its_service_level_and_time(logged: Logged) -> None:
    telemetry.logger().warning("lease not renewed", unit="job_1:asr.segment:c0")
    (line,) = logged()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "lease not renewed",
        "level": "warning",
        "service": "test",
        "unit": "job_1:asr.segment:c0",
    }


@pytest.mark.parametrize("name", sorted(telemetry._FORBIDDEN))
def test_what_was_said_and_what_is_secret_is_withheld(logged: Logged, name: str) -> None:
    telemetry.logger().info("unit", **{name: SECRET})
    assert logged()[0][name] == "[withheld]"


def test_a_forbidden_name_is_withheld_from_bound_context_too(logged: Logged) -> None:
    with structlog.contextvars.bound_contextvars(text=SECRET):
        telemetry.logger().bind(transcript=SECRET).info("unit")
    assert SECRET not in str(logged())


def test_an_exception_shows_its_places_and_not_its_message(logged: Logged) -> None:
    def fail() -> None:
        raise ValueError(SECRET)

    try:
        fail()
    except ValueError:
        telemetry.logger().exception("unit failed", error="ValueError")
    (line,) = logged()
    assert [place.rpartition(" ")[2] for place in line["raised_at"]][-1] == "fail"
    assert SECRET not in str(line)


def test_lines_below_the_level_are_dropped(logged: Logged, capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure("quiet", Settings(log_level="error"))
    telemetry.logger().warning("nobody reads this")
    assert capsys.readouterr().err == ""


def test_metrics_are_served_where_they_were_asked_for() -> None:
    port = free_port()
    telemetry.configure("test", Settings(metrics_port=port))
    telemetry.EXPIRED_LEASES.inc(0)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    assert "dragoman_expired_leases_total" in text
    assert "python_info" not in text


def test_metric_names_carry_their_unit() -> None:
    for metric in telemetry.REGISTRY.collect():
        assert metric.name.startswith("dragoman_")
        assert metric.documentation.endswith(".")
        assert metric.type == "counter" or metric.name.endswith("_seconds")
