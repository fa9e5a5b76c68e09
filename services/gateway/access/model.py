"""Who may do what: scopes of keys, the caller that a key stands for, and how far it is within its limits."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

TENANT_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
# The tenant of the administrator's key.
ADMIN_TENANT: Final = "default"
# Artifacts lie below their tenant's name, and this one is a file there.
RESERVED_TENANT: Final = "owner"


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


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key; not the key itself.

    Attributes:
        id: "key_" and a UUIDv7 in hex.
        tenant: Whose it is.
        name: The creator's own label.
        scopes: What it may be used for.
        created_at: UTC, like the other times.
        expires_at: When it ends by itself; None for never.
        revoked_at: When it was ended; None when it was not.
        last_used_at: To within some minutes; None before its first use.
    """

    id: str
    tenant: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    @property
    def caller(self) -> Caller:
        """Whom it stands for."""
        return Caller(self.tenant, self.id, self.scopes)


@dataclass(frozen=True, slots=True)
class Rate:
    """How a tenant stands against its requests per minute.

    Attributes:
        limit: How many it may send in a minute; also how many at once, after a minute of silence.
        remaining: How many it may send now; over all gateways a little less than that.
        wait_s: Seconds to wait when this one was one too many; else 0.
    """

    limit: int
    remaining: int
    wait_s: int = 0

    @property
    def full_s(self) -> int:
        """In how many seconds `remaining` will be `limit` again."""
        return math.ceil((self.limit - self.remaining) * 60 / self.limit)
