"""The calls about glossaries."""

from __future__ import annotations

from collections.abc import Sequence

from dragoman.effects import Flow, Request, Stream
from dragoman.exchange import answered, model, pages, path
from dragoman.models import Glossary, id_of
from dragoman.specs import TermSpec


def create(name: str, terms: Sequence[TermSpec]) -> Flow[Glossary]:
    """Make a glossary."""
    body = {"name": name, "terms": list(terms)}
    return (yield from model(Glossary, Request("POST", path("glossaries"), json=body, idempotent=False)))


def get(glossary: Glossary | str) -> Flow[Glossary]:
    """Return a glossary."""
    return (yield from model(Glossary, Request("GET", path("glossaries", id_of(glossary)))))


def list_() -> Stream[Glossary]:
    """Iterate over glossaries."""
    yield from pages(Glossary, "glossaries", {})


def replace(glossary: Glossary | str, name: str, terms: Sequence[TermSpec]) -> Flow[Glossary]:
    """Give a glossary another name and other terms, all of them at once."""
    body = {"name": name, "terms": list(terms)}
    return (yield from model(Glossary, Request("PUT", path("glossaries", id_of(glossary)), json=body)))


def delete(glossary: Glossary | str) -> Flow[None]:
    """Delete a glossary; jobs that were submitted with it keep its terms."""
    yield from answered(Request("DELETE", path("glossaries", id_of(glossary))))
