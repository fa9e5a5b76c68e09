"""Fixtures that several contract suites share."""

from __future__ import annotations

import pytest

from services.gateway.storage.memory import MemoryJobStore
from services.gateway.storage.redis import RedisJobStore
from services.shared.ledger.ledger import Ledger
from tests.contract.shop import BACKLOG, QUOTAS, LedgerHands, Shop


@pytest.fixture(params=["memory", "redis"])
def shop(request: pytest.FixtureRequest) -> Shop:
    """Each store in turn, empty."""
    if request.param == "memory":
        memory = MemoryJobStore(BACKLOG, QUOTAS)
        return Shop(memory, memory)
    ledger: Ledger = request.getfixturevalue("ledger")
    return Shop(RedisJobStore(ledger, BACKLOG, QUOTAS), LedgerHands(ledger))
