"""Whom a key stands for: remembered for a while, so that most requests ask nobody."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from services.gateway.access.admin_key import is_well_formed
from services.gateway.access.links import Links
from services.gateway.access.model import ADMIN_TENANT, ALL_SCOPES, Caller, Scope
from services.gateway.access.register import Register, digest_of
from services.shared.errors import Unauthorized

T = TypeVar("T")

ADMIN_KEY_ID: Final = "key_admin"
# A revoked key may be used for so long on the other gateways.
REMEMBERED_S: Final = 30.0
_MOST_GOOD: Final = 10_000
# Guesses must not push out what is good, so they have a memory of their own.
_MOST_WRONG: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Known:
    caller: Caller
    until_s: float


class Keys:
    """Knows which key belongs to which tenant; keeps digests only. To be used from one event loop.

    Args:
        admin_key: Of the file; good as long as the file holds it.
        register: The other keys; there are none without one.
        links: Made with keys; there are none without them.
        now: Seconds of a clock that never goes back.
    """

    def __init__(
        self,
        admin_key: str,
        register: Register | None = None,
        now: Callable[[], float] = time.monotonic,
        links: Links | None = None,
    ) -> None:
        self._admin = digest_of(admin_key)
        self._admin_caller = Caller(ADMIN_TENANT, ADMIN_KEY_ID, ALL_SCOPES)
        self._register = register
        self._links = links
        self._now = now
        self._good: dict[str, _Known] = {}
        self._wrong: dict[str, float] = {}

    async def caller(self, key: str | None) -> Caller:
        """Return whom a key stands for.

        Raises:
            Unauthorized: there is no key (missing_key), or it is a wrong one, or has ended (invalid_key).
            Unavailable: (code redis_unavailable) nobody can say.
        """
        if not key:
            raise Unauthorized("Send your API key as Authorization: Bearer KEY.", code="missing_key")
        digest = digest_of(key)
        if digest not in self._good and not is_well_formed(key):
            raise _wrong()  # mistyped, which needs no look
        return await self._caller(digest)

    async def caller_by_link(self, token: str, job_id: str) -> Caller:
        """Return whom a link to a job stands for: whoever made it, reading jobs.

        Raises:
            Unauthorized: (code invalid_link) it is wrong, of another job, or it or its key has ended.
            Unavailable: (code redis_unavailable) nobody can say.
        """
        link = None if self._links is None else await asyncio.to_thread(self._links.find, token)
        if link is None or link.job != job_id:
            raise _wrong_link()
        try:
            maker = await self._caller(link.key_digest)
        except Unauthorized:
            raise _wrong_link() from None
        return replace(maker, scopes=maker.scopes & {Scope.JOBS_READ})

    def forget(self) -> None:
        """Ask again for every key: one was revoked just now."""
        self._good.clear()

    async def _caller(self, digest: str) -> Caller:
        if hmac.compare_digest(digest, self._admin):
            return self._admin_caller
        known = self._good.get(digest)
        if known is None or known.until_s <= self._now():
            known = await self._look_up(digest)
        return known.caller

    async def _look_up(self, digest: str) -> _Known:
        self._good.pop(digest, None)
        if self._register is None or self._wrong.get(digest, 0) > self._now():
            raise _wrong()
        asked_s = self._now()
        found = await asyncio.to_thread(self._register.find, digest)
        if found is None:
            _remember(self._wrong, digest, asked_s + REMEMBERED_S, _MOST_WRONG)
            raise _wrong()
        record, left = found
        keep_s = REMEMBERED_S if left is None else min(REMEMBERED_S, left.total_seconds())
        known = _Known(record.caller, asked_s + keep_s)
        _remember(self._good, digest, known, _MOST_GOOD)
        return known


def _remember(memory: dict[str, T], digest: str, value: T, most: int) -> None:
    """Put something into a memory; the oldest goes when there is no room."""
    memory.pop(digest, None)
    memory[digest] = value
    if len(memory) > most:
        del memory[next(iter(memory))]


def _wrong_link() -> Unauthorized:
    return Unauthorized("This link is not valid here: it is wrong, or has ended.", code="invalid_link")


def _wrong() -> Unauthorized:
    return Unauthorized("This API key is not valid here: it is wrong, or has ended.", code="invalid_key")
