"""Which web pages may call the gateway from a browser (CORS): none, unless a setting names them."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_SENT: Final = (
    "authorization", "x-api-key", "content-type", "idempotency-key", "last-event-id", "range", "if-range",
    "if-none-match", "x-request-id", "traceparent", "x-http-method-override", "tus-resumable",
    "upload-length", "upload-metadata", "upload-offset", "upload-checksum",
)  # fmt: skip
_SHOWN: Final = (
    "location", "retry-after", "x-request-id", "idempotency-replayed", "etag", "content-range",
    "accept-ranges", "content-disposition", "tus-resumable", "tus-version", "tus-extension", "tus-max-size",
    "tus-checksum-algorithm", "upload-offset", "upload-length", "upload-metadata", "upload-expires",
    "x-should-retry", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset",
    "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests",
)  # fmt: skip


def allow_origins(app: FastAPI, origins: str) -> None:
    """Let pages of these origins, separated by commas, call the app; without any, browsers let no page."""
    allowed = [origin.strip().rstrip("/") for origin in origins.split(",") if origin.strip()]
    if allowed:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=allowed,
            allow_methods=_METHODS,
            allow_headers=_SENT,
            expose_headers=_SHOWN,
        )
