"""What a glossary is, and what a client may say of one: fields, bounds, and what may not be said."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.gateway.jobs.spec import Language

GLOSSARY_ID: Final = re.compile(r"glo_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}")
MAX_TERMS: Final = 1_000
MAX_CHARACTERS: Final = 128
MAX_LANGUAGES: Final = 16


def _tidy(text: str) -> str:
    """Return words in the one way to write them: accents composed, a space between them and none around."""
    tidy = " ".join(unicodedata.normalize("NFC", text).split())
    if not tidy:
        raise ValueError("must not be blank")
    return tidy


Words = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_CHARACTERS, pattern=r"\S"), AfterValidator(_tidy)
]
ByLanguage = Annotated[dict[Language, Words], Field(max_length=MAX_LANGUAGES)]


class TermSpec(BaseModel):
    """An entry: what a word, or several, must become in which language, and how they are heard and read."""

    model_config = ConfigDict(extra="forbid", strict=True)

    source: Words
    target: Annotated[ByLanguage, Field(default_factory=dict)]
    keep: bool = False
    source_language: Language | None = None
    case_sensitive: bool = False
    spoken: Annotated[ByLanguage, Field(default_factory=dict)]
    hint: bool = True

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.keep and self.target:
            raise ValueError("keep leaves the words as they are: give either keep or target")
        if not (self.keep or self.target or self.spoken or self.hint):
            raise ValueError("does nothing: give target, keep, spoken or hint")
        return self

    @property
    def key(self) -> tuple[str, str | None]:
        """The same for entries that would be found in the same places."""
        return (self.source if self.case_sensitive else self.source.casefold(), self.source_language)


class GlossarySpec(BaseModel):
    """A glossary as a client sends it; the most important entries first."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"\S")]
    terms: Annotated[list[TermSpec], Field(max_length=MAX_TERMS)]

    @model_validator(mode="after")
    def _each_term_once(self) -> Self:
        first: dict[tuple[str, str | None], int] = {}
        for at, term in enumerate(self.terms):
            if (before := first.setdefault(term.key, at)) != at:
                raise ValueError(f"terms.{at} repeats the source of terms.{before}: join the two")
        return self

    def documents(self) -> tuple[dict[str, Any], ...]:
        """Return the entries as JSON, without what is not said in them."""
        return tuple(term.model_dump(mode="json", exclude_defaults=True) for term in self.terms)


@dataclass(frozen=True, slots=True)
class Glossary:
    """A tenant's glossary.

    Attributes:
        id: "glo_" and a UUIDv7 in hex.
        tenant: Whose it is.
        name: The tenant's own word for it.
        terms: Its entries as JSON, see TermSpec.
        version: From 1; every change makes the next.
        created_at: When it was made (UTC).
        updated_at: When it was changed last (UTC).
    """

    id: str
    tenant: str
    name: str
    terms: Sequence[dict[str, Any]]
    version: int
    created_at: datetime
    updated_at: datetime
