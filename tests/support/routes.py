"""Every route of an app as it is asked for, with the scope that it wants."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from services.gateway.access.model import Scope
from services.gateway.api.context import authenticate

_FIELD = re.compile(r"\{(\w+)(?::\w+)?\}")


@dataclass(frozen=True)
class Route:
    """A method of a path.

    Attributes:
        method: Such as "GET".
        path: With its fields in braces.
        guarded: Whether a key is asked for.
        scopes: That the key must have.
    """

    method: str
    path: str
    guarded: bool
    scopes: frozenset[Scope]

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the path's fields."""
        return tuple(_FIELD.findall(self.path))

    def filled(self, **fields: str) -> str:
        """Return the path with its fields filled in."""
        return _FIELD.sub(lambda found: fields[found[1]], self.path)

    def __str__(self) -> str:
        """Return the route as documentation writes it."""
        return f"{self.method} {self.path}"


def routes_of(app: FastAPI) -> list[Route]:
    """Return every method of every path of an app; a route of another kind is a mistake here."""
    found = [context for router in app.routes for context in _contexts(router)]
    return [
        Route(
            method,
            context.path,
            any(call is authenticate or any(_scopes(call)) for call in _calls(context.dependant)),
            frozenset(scope for call in _calls(context.dependant) for scope in _scopes(call)),
        )
        for context in found
        for method in sorted(context.methods)
    ]


def _contexts(route: Any) -> Iterator[Any]:
    """Yield what stands for a route: an included router's routes have its dependencies, too."""
    if hasattr(route, "effective_route_contexts"):
        yield from route.effective_route_contexts()
    else:
        yield route


def _calls(dependant: Any) -> Iterator[Any]:
    for each in dependant.dependencies:
        yield each.call
        yield from _calls(each)


def _scopes(call: Any) -> Iterator[Scope]:
    """Yield the scope that a dependency made by `permits` or `requires` asks for."""
    if inspect.isfunction(call):
        kept = inspect.getclosurevars(call).nonlocals.get("scope")
        if isinstance(kept, Scope):
            yield kept
