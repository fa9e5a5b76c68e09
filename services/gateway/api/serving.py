"""Serves the app until the process is told to end, and then ends well."""

from __future__ import annotations

import signal
from threading import Event
from types import FrameType

import uvicorn
from fastapi import FastAPI

from services.gateway.api.context import Context
from services.gateway.api.guard import MAX_HEADER_BYTES
from services.gateway.api.protocol import patient
from services.gateway.settings import GatewaySettings


class _Server(uvicorn.Server):
    """Says at once when a signal to end has come: event streams would hold up the end of the process."""

    def __init__(self, config: uvicorn.Config, ending: Event) -> None:
        super().__init__(config)
        self._ending = ending

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note the signal."""
        self._ending.set()
        super().handle_exit(sig, frame)


def serve(app: FastAPI, settings: GatewaySettings) -> None:
    """Serve HTTP until SIGTERM or SIGINT; then take no connection, and give running requests drain_s."""
    context: Context = app.state.context
    config = uvicorn.Config(
        app,
        host=settings.http_host,
        port=settings.http_port,
        log_level=settings.log_level,
        log_config=None,
        access_log=False,
        server_header=False,
        # Nobody here asks who the client was, so no X-Forwarded header is believed.
        proxy_headers=False,
        timeout_graceful_shutdown=round(settings.drain_s),
        http=patient(settings.gateway_header_s),
        # Above what the guard refuses with more words.
        h11_max_incomplete_event_size=4 * MAX_HEADER_BYTES,
    )
    # uvicorn raises the signal again once all is done; without a handler the end would look like a crash.
    signal.signal(signal.SIGTERM, lambda *_: None)
    _Server(config, context.ending).run()
