"""A job's glossary as its stages use it: what recognition expects, translation must say, and speech reads."""

from __future__ import annotations

import json
import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from services.shared.artifacts.base import ArtifactStore
from services.shared.phrases import Match, Phrase, Phrasebook, count

# Glossaries that a worker keeps at hand, each of at most a megabyte.
_MOST_KEPT: Final = 16


@dataclass(frozen=True, slots=True)
class Term:
    """What a word, or several, must become.

    Attributes:
        source: As it stands in the text.
        target: As it must stand in the translation; the same as `source` to keep it as it is.
        case_sensitive: Whether case counts, on both sides.
    """

    source: str
    target: str
    case_sensitive: bool = False

    @property
    def wanted(self) -> Phrase:
        """What to look for in the translation."""
        return Phrase(self.target, self.case_sensitive)


@dataclass(frozen=True, slots=True)
class TermUse:
    """A term that a text holds, and whether the translation holds its target, as often."""

    term: Term
    hit: bool

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"source": self.term.source, "target": self.term.target, "hit": self.hit}


@dataclass(frozen=True, slots=True)
class Pronunciation:
    """Some words as they are written, and as they are to be read.

    Attributes:
        text: As written.
        spoken: As read.
        case_sensitive: Whether case counts, so that "IT" is not "it".
    """

    text: str
    spoken: str
    case_sensitive: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a glossary; languages are BCP-47 tags.

    Attributes:
        source: The words.
        target: What they must become, by language.
        keep: Whether they stay as they are in every language.
        source_language: In which they are; None for any, as of a name.
        case_sensitive: Whether case counts.
        spoken: How they are to be read, by language.
        hint: Whether recognition is to expect them.
    """

    source: str
    target: Mapping[str, str] = field(default_factory=dict)
    keep: bool = False
    source_language: str | None = None
    case_sensitive: bool = False
    spoken: Mapping[str, str] = field(default_factory=dict)
    hint: bool = True

    def said_in(self, language: str) -> str | None:
        """Return how the entry is written in a language; None where nobody knows."""
        if self.keep or (self.source_language and _serves(self.source_language, language)):
            return self.source
        known = _in(self.target, language)
        return known if known or self.source_language else self.source

    def term(self, source: str, target: str) -> Term | None:
        """Return what the entry demands of a translation; None when it says nothing of it."""
        applies = self.source_language is None or _serves(self.source_language, source)
        wanted = self.source if self.keep else _in(self.target, target)
        return Term(self.source, wanted, self.case_sensitive) if applies and wanted else None


@dataclass(frozen=True, slots=True)
class Glossary:
    """The entries of a glossary, the most important first."""

    entries: tuple[Entry, ...] = ()

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Read a glossary's JSON; what an entry has that is not known here is left out."""
        known = Entry.__dataclass_fields__
        return cls(
            tuple(
                Entry(**{name: value for name, value in each.items() if name in known})
                for each in document["terms"]
            )
        )

    def hints(self, language: str) -> list[str]:
        """Return what recognition of a language is to expect."""
        said = (each.said_in(language) for each in self.entries if each.hint)
        return list(dict.fromkeys(words for words in said if words))

    def terms(self, source: str, target: str) -> list[Term]:
        """Return what must become what in a translation."""
        found = (each.term(source, target) for each in self.entries)
        return [term for term in found if term]

    def pronunciations(self, language: str) -> list[Pronunciation]:
        """Return what is to be read otherwise than it is written."""
        return [
            Pronunciation(text, spoken, each.case_sensitive)
            for each in self.entries
            if (text := each.said_in(language)) and (spoken := _in(each.spoken, language))
        ]


def uses(text: str, translation: str, terms: Sequence[Term]) -> tuple[TermUse, ...]:
    """Return the terms that a text holds, in its order, each once, and whether its translation has them.

    Of terms with the same target the translation must hold it for each.
    """
    needed: Counter[Term] = Counter(term for _, term in Lookup(terms).find(text))
    there = count(translation, [term.wanted for term in needed])
    wanted: Counter[str] = Counter()
    for term, times in needed.items():
        wanted[term.wanted.key] += times
    return tuple(TermUse(term, there[term.wanted.key] >= wanted[term.wanted.key]) for term in needed)


class Lookup:
    """Terms, ready to be looked for in many texts; those with a blank side are left out.

    Args:
        terms: Of two with the same source the first counts.
    """

    def __init__(self, terms: Sequence[Term]) -> None:
        self._by_phrase: dict[Phrase, Term] = {}
        for term in terms:
            if term.source.strip() and term.target.strip():
                self._by_phrase.setdefault(Phrase(term.source, term.case_sensitive), term)
        self._phrases = Phrasebook(self._by_phrase)

    def find(self, text: str) -> list[tuple[Match, Term]]:
        """Return where a text holds terms, and which, in its order."""
        return [(match, self._by_phrase[match.phrase]) for match in self._phrases.find(text)]


class _Kept:
    """The glossaries of the jobs that a process last worked on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Glossary] = OrderedDict()

    def get(self, key: str, artifacts: ArtifactStore) -> Glossary:
        with self._lock:
            if found := self._kept.get(key):
                self._kept.move_to_end(key)
                return found
        read = Glossary.of(json.loads(artifacts.get(key)))
        with self._lock:
            self._kept[key] = read
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return read


_kept: Final = _Kept()


def glossary_of(spec: Mapping[str, Any], artifacts: ArtifactStore) -> Glossary:
    """Return the glossary of a job, as it was when the job was submitted; an empty one if it has none.

    Args:
        spec: Of the job, as its workers read it.
        artifacts: Where the glossary lies.

    Raises:
        NotFound: it is gone.
        StorageFailure: it cannot be read.
    """
    named = spec.get("glossary")
    return _kept.get(named["key"], artifacts) if named else Glossary()


def _serves(one: str, other: str) -> bool:
    """Say whether a tag does for another: "pt" and "pt-BR" do, "pt-PT" and "pt-BR" do not."""
    shorter, longer = sorted((one.lower() + "-", other.lower() + "-"), key=len)
    return longer.startswith(shorter)


def _in(by_language: Mapping[str, str], language: str) -> str | None:
    """Return what is said of a language, or of one that does for it."""
    fitting = (words for tag, words in by_language.items() if _serves(tag, language))
    return by_language.get(language) or next(fitting, None)
