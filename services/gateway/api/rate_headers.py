"""Says on every answer how its tenant stands against its requests per minute."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.access.model import Rate


class RateHeaders:
    """ASGI middleware; the rate is what `context.authenticate` left in the request's state."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and how its tenant stands back."""

        async def send_with_rate(message: Message) -> None:
            rate = scope.get("state", {}).get("rate")
            if rate is not None and message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers_of(rate))
            await send(message)

        await self._app(scope, receive, send_with_rate)


def headers_of(rate: Rate) -> dict[str, str]:
    """Return the headers of draft-ietf-httpapi-ratelimit-headers (up to 07), and those that OpenAI sends."""
    return {
        "ratelimit-limit": str(rate.limit),
        "ratelimit-remaining": str(rate.remaining),
        "ratelimit-reset": str(rate.full_s),
        "x-ratelimit-limit-requests": str(rate.limit),
        "x-ratelimit-remaining-requests": str(rate.remaining),
        "x-ratelimit-reset-requests": f"{rate.full_s}s",
    }
