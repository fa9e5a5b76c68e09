"""A route for what is asked most, without FastAPI's way from a request to its function's parameters."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

from services.gateway.api.context import read_by


class Direct(APIRoute):
    """Reads for a tenant: calls its function with the request, what its path names, and the tenant.

    The function must return a response; its other annotations serve the description of the API alone.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        endpoint = self.endpoint

        async def handle(request: Request) -> Response:
            response: Response = await endpoint(request, tenant=await read_by(request), **request.path_params)
            return response

        return handle
