"""What several integration tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.observed import Observed, observing


@pytest.fixture(scope="session")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    """What an installation traced, counted and logged over one run of every stage."""
    with observing(tmp_path_factory.mktemp("observed")) as seen:
        yield seen
