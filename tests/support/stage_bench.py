"""One worker process without Celery, for tests of stages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.shared import stage
from services.shared.artifacts.local import LocalArtifacts
from services.shared.config import Settings
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Unit
from services.shared.stage import Handler, StageRunner
from services.shared.tasks import DECODE, STAGES, Hint
from tests.support.calls import audit, instant, new_job

UNIT = f"job_1:{DECODE}:job"


class Bench:
    """One worker process, but for Celery: a ledger, a store, and the hints that were sent."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self.ledger = ledger
        self.artifacts = LocalArtifacts(folder)
        self.sent: list[Hint] = []

    def runner(self, handler: Handler, settings: Settings | None = None) -> StageRunner:
        """Return what runs units with `handler` for every stage."""
        handlers = dict.fromkeys(STAGES, handler)
        return StageRunner(handlers, self.ledger, self.artifacts, self.sent.extend, settings or Settings())

    def run(self, handler: Handler, service: str = "codec", settings: Settings | None = None) -> None:
        """Run a service's next unit."""
        self.runner(handler, settings).run(service)

    def unit(self, name: str = UNIT) -> Unit:
        """Return a unit as it stands."""
        return next(unit for unit in self.ledger.units("job_1") if unit.unit == name)

    def stored(self) -> list[str]:
        """Return the keys of the attempts' artifacts."""
        folder = self.artifacts._objects
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def bench(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A bench with one call submitted; what fails may be tried again at once."""
    monkeypatch.setattr(stage, "_FIRST_DELAY_MS", 0)
    quick = instant(ledger, renew_ms=20)
    quick.submit(new_job())
    yield Bench(quick, tmp_path)
    audit(quick, ["job_1"])
