"""The use cases of glossaries: make, look, replace, delete, and hand a copy to a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from services.gateway.glossaries.model import GLOSSARY_ID, Glossary, GlossarySpec
from services.gateway.glossaries.store import GlossaryStore
from services.gateway.jobs.ids import uuid7_hex
from services.shared.errors import NotFound


class Glossaries:
    """Glossaries without HTTP. Another tenant's glossary is NotFound everywhere, like one that never was.

    Args:
        store: Keeps them.
    """

    def __init__(self, store: GlossaryStore) -> None:
        self._store = store

    def create(self, tenant: str, wish: GlossarySpec) -> Glossary:
        """Make a glossary.

        Raises:
            Conflict: (code too_many_glossaries) the tenant has as many, or as much, as one may have.
        """
        now = datetime.now(UTC)
        made = Glossary(f"glo_{uuid7_hex()}", tenant, wish.name, wish.documents(), 1, now, now)
        self._store.create(made)
        return made

    def get(self, tenant: str, glossary_id: str) -> Glossary:
        """Return a glossary.

        Raises:
            NotFound: (code glossary_not_found) there is none.
        """
        found = self._store.get(tenant, glossary_id) if GLOSSARY_ID.fullmatch(glossary_id) else None
        if found is None:
            raise _not_found()
        return found

    def list(self, tenant: str, limit: int, before: str | None) -> tuple[Sequence[Glossary], str | None]:
        """Return a page of glossaries, newest first, and the id to go on after; None at the end."""
        found = self._store.list(tenant, limit + 1, before)
        page = found[:limit]
        return page, page[-1].id if len(found) > len(page) else None

    def replace(self, tenant: str, glossary_id: str, wish: GlossarySpec) -> Glossary:
        """Give a glossary another name and other terms; jobs that have it already keep what it was.

        Raises:
            Conflict: (code too_many_glossaries) there is no room for more terms.
            NotFound: (code glossary_not_found) there is none.
        """
        changed = self._store.change(
            self.get(tenant, glossary_id), wish.name, wish.documents(), datetime.now(UTC)
        )
        if changed is None:
            raise _not_found()
        return changed

    def delete(self, tenant: str, glossary_id: str) -> None:
        """Forget a glossary; jobs that have it already keep it.

        Raises:
            NotFound: (code glossary_not_found) there is none.
        """
        self.get(tenant, glossary_id)
        if not self._store.delete(tenant, glossary_id):
            raise _not_found()

    def snapshot(self, tenant: str, glossary_id: str) -> Mapping[str, Any] | None:
        """Return a glossary as it stands, for a job to keep; None when there is none."""
        found = self._store.get(tenant, glossary_id)
        if found is None:
            return None
        return {"id": found.id, "version": found.version, "name": found.name, "terms": list(found.terms)}


def _not_found() -> NotFound:
    return NotFound("There is no such glossary.", code="glossary_not_found")
