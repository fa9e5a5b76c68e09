"""Installations for fault tests, and the table of what they survived."""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Iterator
from dataclasses import fields
from typing import Final

import pytest

from tests.faults.calls import CALL, SPEC, Results, results
from tests.faults.installation import Installation, Plan, installed
from tests.faults.trial import Seen, Trial

_SURVIVED: Final = pytest.StashKey[list[Seen]]()
_REFERENCE: Final = pytest.StashKey[Results]()


def pytest_configure() -> None:
    """Leave through every `finally` when told to end, so that no process of an installation stays behind."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


@pytest.fixture(scope="module")
def plan() -> Plan:
    """The size of this module's installation; modules may have another."""
    return Plan()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, plan: Plan) -> Iterator[Installation]:
    """An installation that all tests of a module share."""
    with installed(tmp_path_factory.mktemp("installation"), plan) as running:
        yield running


@pytest.fixture
def reference(installation: Installation, pytestconfig: pytest.Config) -> Results:
    """What a job gives that nothing disturbs; found out once for all tests."""
    if _REFERENCE not in pytestconfig.stash:
        job = installation.client.submit(SPEC, CALL)
        assert installation.client.wait(job)["state"] == "succeeded"
        pytestconfig.stash[_REFERENCE] = results(installation.client, job)
    return pytestconfig.stash[_REFERENCE]


@pytest.fixture
def seed() -> int:
    """Seed of a test's random choices; DRAGOMAN_TEST_SEED gives an earlier one again."""
    return int(os.environ.get("DRAGOMAN_TEST_SEED", random.randrange(1_000_000)))  # noqa: S311 - guards nothing


@pytest.fixture
def trial(
    installation: Installation, reference: Results, seed: int, request: pytest.FixtureRequest
) -> Iterator[Trial]:
    """A healthy installation, and an account of what happens to it."""
    installation.calm()
    fault = request.node.name.removeprefix("test_").replace("_", " ")
    under_way = Trial(installation, fault, seed, reference)
    try:
        yield under_way
        request.config.stash.setdefault(_SURVIVED, []).append(under_way.seen)
    finally:
        print(f"seed {seed}: {under_way.seen}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was survived."""
    seen = config.stash.get(_SURVIVED, [])
    if not seen:
        return
    names = [field.name for field in fields(Seen)][1:]
    terminalreporter.section("faults survived")
    width = max(len(each.fault) for each in seen) + 2
    terminalreporter.write_line(f"{'fault':<{width}}" + "".join(f"{name:>9}" for name in names))
    for each in seen:
        values = (getattr(each, name) for name in names)
        cells = (f"{value:>9.1f}" if isinstance(value, float) else f"{value:>9}" for value in values)
        terminalreporter.write_line(f"{each.fault:<{width}}" + "".join(cells))
