"""One daemon, one build of the images and one stack for all container tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers import engine as engines
from tests.containers import images, stack
from tests.containers.engine import Engine
from tests.containers.images import Secrets
from tests.containers.stack import Stack


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """A Docker daemon."""
    with engines.running() as found:
        yield found


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Secrets:
    """What builds and the download of the models are given, as operators of closed networks do."""
    return images.secrets(tmp_path_factory.mktemp("secrets"))


@pytest.fixture(scope="session")
def built(engine: Engine, secrets: Secrets) -> Engine:
    """The daemon, with every image built."""
    images.build(engine, secrets)
    return engine


@pytest.fixture(scope="session")
def running(built: Engine, secrets: Secrets, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack."""
    folder: Path = tmp_path_factory.mktemp("stack")
    with stack.up(built, secrets, folder) as found:
        yield found
