"""Who may do what: scopes of keys, and the caller that a key stands for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Scope(StrEnum):
    """What a key may be used for; every route asks for one of them."""

    JOBS_READ = "jobs:read"
    JOBS_WRITE = "jobs:write"
    AUDIO = "audio"
    MANAGE = "manage"
    STAGES_READ = "stages:read"
    ADMIN = "admin"


ALL_SCOPES: Final = frozenset(Scope)
# Of a key for which no scopes were named: all that concerns its own tenant.
TENANT_SCOPES: Final = ALL_SCOPES - {Scope.ADMIN}


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a key stands for.

    Attributes:
        tenant: Whose jobs and objects it sees; no other's exist for it.
        key_id: Names the key in logs and lists; opens nothing.
        scopes: What it may do.
    """

    tenant: str
    key_id: str
    scopes: frozenset[Scope]
