"""A stage worker process for tests: real Celery and a real ledger, with handlers that need no model.

A handler waits while its job's spec says `hold` and nobody has stored the artifact `<tenant>/<job>/go`.
"""

from __future__ import annotations

import time

from services.shared.config import Settings, load
from services.shared.errors import Cancelled
from services.shared.stage import Output, Work, run_worker
from services.shared.tasks import DECODE, ENCODE


def go_key(tenant: str, job: str) -> str:
    """Return the key of the artifact that lets a held job go on."""
    return f"{tenant}/{job}/go"


def handle(work: Work) -> Output:
    """Store something, once the job may go on."""
    claim = work.claim
    work.artifacts.put(work.key("started"), b"")
    while claim.spec.get("hold") and not work.artifacts.exists(go_key(claim.tenant, claim.job)):
        if work.lease.ended:
            raise Cancelled("The lease ended.")
        time.sleep(0.02)
    stored = work.artifacts.put(work.key("output"), claim.unit.encode())
    return Output({"key": stored.key, "attempt": claim.attempt, "duration_ms": 1000})


if __name__ == "__main__":
    run_worker("codec", {DECODE: handle, ENCODE: handle}, load(Settings), concurrency=2)
