"""Whom each process talks to, read from the code: what it imports, and which model services it names."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from typing import Final

from services.shared.tasks import SERVICES
from tests.architecture.tree import Module, modules

LEDGER: Final = "services.shared.ledger.ledger"
ARTIFACTS: Final = "services.shared.artifacts.store"
OUTBOUND: Final = "services.shared.outbound.asking"


def knows_jobs(process: str) -> bool:
    """Whether a process reaches Redis."""
    return LEDGER in reach(process)


def stores(process: str) -> bool:
    """Whether a process reads and writes artifacts."""
    return ARTIFACTS in reach(process)


def leaves(process: str) -> bool:
    """Whether a process asks addresses that clients name."""
    return OUTBOUND in reach(process)


def calls(process: str) -> set[str]:
    """Return the model services that a process calls."""
    known = _modules()
    return {room for name in reach(process) for room in _named(known[name])}


@cache
def reach(process: str) -> frozenset[str]:
    """Return the modules of ours that a process may run: those it imports, directly or not."""
    known, found, waiting = _modules(), set[str](), [process]
    while waiting:
        name = waiting.pop()
        if name in known and name not in found:
            found.add(name)
            waiting.extend(_imports(known[name]))
    return frozenset(found)


@cache
def _modules() -> dict[str, Module]:
    return {module.name: module for module in modules("services")}


def _imports(module: Module) -> Iterator[str]:
    for node in ast.walk(module.syntax):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def _named(module: Module) -> Iterator[str]:
    """Yield the services whose channel a module opens: `channels.to("asr")`, or any one it gets told."""
    for node in ast.walk(module.syntax):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("channels.to"):
            (service,) = node.args
            yield from [str(service.value)] if isinstance(service, ast.Constant) else SERVICES
