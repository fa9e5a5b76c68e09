"""The routes of /v1/glossaries."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final, Self

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel

from services.gateway.api.context import Manager, Reader, Wired
from services.gateway.api.pages import id_in, token_of
from services.gateway.glossaries.model import GLOSSARY_ID, Glossary, GlossarySpec
from services.gateway.glossaries.service import Glossaries
from services.shared.errors import Unavailable

# A glossary may be as large as a request.
MAX_PAGE_SIZE: Final = 20
_LIST: Final = "glossaries"


def _glossaries(context: Wired) -> Glossaries:
    if context.glossaries is None:
        raise Unavailable("Glossaries are kept in Redis, and there is none.", code="redis_unavailable")
    return context.glossaries


Shelf = Annotated[Glossaries, Depends(_glossaries)]

router = APIRouter(prefix="/v1/glossaries", tags=["glossaries"])


class TermView(BaseModel):
    """An entry of a glossary."""

    source: str
    target: dict[str, str] = {}
    keep: bool = False
    source_language: str | None = None
    case_sensitive: bool = False
    spoken: dict[str, str] = {}
    hint: bool = True


class GlossaryView(BaseModel):
    """A glossary as its owner sees it."""

    id: str
    name: str
    terms: list[TermView]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, glossary: Glossary) -> Self:
        """Show a glossary."""
        return cls.model_validate(glossary, from_attributes=True)


class GlossaryPageView(BaseModel):
    """A page of glossaries, newest first; next_page_token is empty at the end."""

    glossaries: list[GlossaryView]
    next_page_token: str


@router.post("", status_code=HTTPStatus.CREATED)
def create_glossary(body: GlossarySpec, response: Response, tenant: Manager, shelf: Shelf) -> GlossaryView:
    """Make a glossary, for jobs to name by its id."""
    made = shelf.create(tenant, body)
    response.headers["location"] = f"/v1/glossaries/{made.id}"
    return GlossaryView.of(made)


@router.get("")
def list_glossaries(
    tenant: Reader,
    shelf: Shelf,
    page_size: Annotated[int, Query(ge=0)] = MAX_PAGE_SIZE,
    page_token: str = "",
) -> GlossaryPageView:
    """List glossaries, newest first; a page_size above the most is brought down to it."""
    limit = min(page_size or MAX_PAGE_SIZE, MAX_PAGE_SIZE)
    page, before = shelf.list(tenant, limit, id_in(page_token, _LIST, GLOSSARY_ID))
    return GlossaryPageView(
        glossaries=[GlossaryView.of(each) for each in page], next_page_token=token_of(before, _LIST)
    )


@router.get("/{glossary_id}")
def get_glossary(glossary_id: str, tenant: Reader, shelf: Shelf) -> GlossaryView:
    """Return a glossary."""
    return GlossaryView.of(shelf.get(tenant, glossary_id))


@router.put("/{glossary_id}")
def replace_glossary(glossary_id: str, body: GlossarySpec, tenant: Manager, shelf: Shelf) -> GlossaryView:
    """Give a glossary another name and other terms; jobs that were submitted before keep the old ones."""
    return GlossaryView.of(shelf.replace(tenant, glossary_id, body))


@router.delete("/{glossary_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_glossary(glossary_id: str, tenant: Manager, shelf: Shelf) -> None:
    """Forget a glossary; jobs that were submitted before keep it."""
    shelf.delete(tenant, glossary_id)
