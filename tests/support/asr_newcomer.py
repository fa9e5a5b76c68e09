"""All that it takes to add a recognition engine, but for its row: this file."""

from __future__ import annotations

from services.asr.engines.fake import FakeEngine
from services.asr.settings import AsrSettings
from services.shared.engines import EngineSpec

ROW = EngineSpec("newcomer", __name__, ("numpy",), "", "Counts as the fake one does.")


def load(_settings: AsrSettings, model: str = "") -> FakeEngine:
    """Load it."""
    return FakeEngine(model or "newcomer")
