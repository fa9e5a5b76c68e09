"""Sends hints to the stage workers through Celery, by task name."""

from __future__ import annotations

from collections.abc import Sequence

from celery import Celery

from services.shared.broker import send_hints
from services.shared.tasks import Hint


class CeleryDispatcher:
    """The dispatcher of a running installation."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def send(self, hints: Sequence[Hint]) -> None:
        """Send hints; one that is lost is sent again by the reconciler."""
        send_hints(self._app, hints)
