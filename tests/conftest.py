"""Fixtures that every suite shares: a real Redis, a ledger on it, and what was logged."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

from services.shared import telemetry
from services.shared.config import Settings
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Policy
from services.shared.redis_url import client as connect
from tests.support import redis_server

Logged = Callable[[], list[dict[str, Any]]]


# No test depends on how fast a machine is.
settings.register_profile("dragoman", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("dragoman")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Spread tests over workers when there are several: pytest -n 2."""
    from tests.support.spread import Spread  # noqa: PLC0415 - not every environment has pytest-xdist

    return Spread(config, log)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a real Redis that lives as long as the test run."""
    with redis_server.running(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def ledger(redis_url: str) -> Iterator[Ledger]:
    """A ledger of its own, with short times."""
    client = connect(redis_url)
    prefix = f"test-{uuid.uuid4().hex}:"
    policy = Policy(lease_ms=300, renew_ms=50, hold_ms=300)
    yield Ledger(client, prefix, policy)
    client.close()


@pytest.fixture(scope="session")
def repository() -> Path:
    """Folder of the checkout."""
    return Path(__file__).parent.parent


@pytest.fixture
def logged() -> Iterator[Logged]:
    """Log as a process of the installation does; return the lines written so far."""
    stream = io.StringIO()
    telemetry.configure("test", Settings())
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(stream))
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()
