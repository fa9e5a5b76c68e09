"""The duty of deciding on sizes: look at the ledger every few seconds, decide, write it on the board."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from services.gateway.jobs.abilities import Capabilities
from services.gateway.scaling.board import Board
from services.gateway.scaling.planner import Slots, plan
from services.gateway.scaling.settings import ScalingSettings
from services.shared import telemetry
from services.shared.errors import DragomanError
from services.shared.ledger.ledger import Ledger
from services.shared.tasks import SERVICES


class Scaling:
    """One copy of the duty; of any number of copies, one decides per interval.

    It runs in a thread of its own: it asks model servers, which may be slow to answer, for their slots.

    Args:
        ledger: What there is to do.
        board: Where the decisions stand.
        capabilities: What the model servers say of themselves.
        settings: What is asked.
    """

    def __init__(
        self, ledger: Ledger, board: Board, capabilities: Capabilities, settings: ScalingSettings
    ) -> None:
        self._ledger = ledger
        self._board = board
        self._capabilities = capabilities
        self._settings = settings
        self._terms = {service: settings.terms_of(service) for service in SERVICES}

    def run(self, ended: threading.Event) -> None:
        """Decide every interval until `ended` is set."""
        while not ended.wait(self._settings.scaling_interval_s):
            try:
                self.step()
            except Exception as error:  # noqa: BLE001 - Redis is away
                telemetry.logger().warning("sizes not decided", error=type(error).__name__)

    def step(self) -> bool:
        """Decide once; False when another copy did in this interval."""
        # A bit less than the interval, or a clock a bit off would let every second turn pass.
        if not self._ledger.lock("scaling", 0.9 * self._settings.scaling_interval_s):
            return False
        slots = self._slots()
        counts, now_s = self._ledger.stages(), self._ledger.now().timestamp()
        before = self._board.read()
        after = plan(before, counts, slots, self._terms, now_s)
        self._board.write(after)
        for service, each in after.plans.items():
            was = before.plans[service].decision.replicas if service in before.plans else None
            if was != each.decision.replicas:
                telemetry.logger().info(
                    "size", service=service, replicas=each.decision.replicas, reason=each.decision.reason
                )
        return True

    def _slots(self) -> Mapping[str, Slots]:
        return {service: self._slots_of(service) for service in SERVICES}

    def _slots_of(self, service: str) -> Slots:
        try:
            told = getattr(self._capabilities, service)()
        except DragomanError:
            return self._settings.slots_of(service)
        # A server of an earlier version tells none, and knows of no batches.
        count = told.slots if told.slots > 0 else self._settings.slots_of(service).count
        return Slots(count, max(1, told.batch))
