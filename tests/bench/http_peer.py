"""A bare FastAPI app behind the gateway's own server: `python -m tests.bench.http_peer KIND BODY_FILE`.

It has the routes of a status read and of a submission, and answers both with the same document. KIND is
"bare", or "redis" for one that reads, or writes, one key of Redis before it answers.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import redis.asyncio
from fastapi import FastAPI

from services.gateway.api.serving import serve
from services.gateway.settings import GatewaySettings
from services.shared.config import load

_KEY: Final = "http-peer"

Touch = Callable[[], Awaitable[Any]]


def app(document: dict[str, Any], read: Touch, write: Touch) -> FastAPI:
    """Return the app.

    Args:
        document: What it answers.
        read: Done before a status read is answered.
        write: Done before a submission is.
    """
    made = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @made.get("/v1/jobs/{job_id}")
    async def get_job(job_id: str) -> dict[str, Any]:
        await read()
        return document

    @made.post("/v1/jobs", status_code=202)
    async def submit(spec: dict[str, Any]) -> dict[str, Any]:
        await write()
        return document

    # What the gateway's server wants to know of an app.
    made.state.context = SimpleNamespace(ending=threading.Event())
    return made


async def _nothing() -> None:
    return None


def main() -> None:
    """Serve until SIGTERM."""
    kind, file = sys.argv[1], Path(sys.argv[2])
    settings, text = load(GatewaySettings), file.read_text()
    read: Touch = _nothing
    write: Touch = _nothing
    if kind == "redis":
        client = redis.asyncio.from_url(settings.redis_url)
        read, write = lambda: client.get(_KEY), lambda: client.set(_KEY, text)
    serve(app(json.loads(text), read, write), settings)


if __name__ == "__main__":
    main()
