"""How a text is read out where it holds numbers: digits of identifiers one by one, all else in full."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from services.shared.entities.extraction import entities
from services.shared.entities.kinds import IDENTIFIERS, Entity, Kind
from services.tts.spoken.amounts import amount
from services.tts.spoken.calendar import date, time
from services.tts.spoken.changes import Reading, changed
from services.tts.spoken.identifiers import email, identifier
from services.tts.spoken.numbers import Agreement, decimal, ordinal
from services.tts.spoken.tongues import Tongue, tongue_of

_ORDINAL: Final = re.compile(
    r"\d\s?\.?(?P<gender>[ºª°]|o|a|er[oa]?|re|ère|e|ème|nde?|st|rd|th)$", re.IGNORECASE
)
_FEMININE_ORDINALS: Final = ("ª", "a", "era", "re", "ère", "nde")
_TWELVE_HOURS: Final = re.compile(r"[ap]\.?\s?m\b", re.IGNORECASE)
_SENTENCE_ENDS: Final = re.compile(r"\s*(?:$|[A-ZÀ-Ý¿¡])")
_LETTERS_APART: Final = re.compile(r"[A-Z](?:[^\w]+[A-Z])+")
# Words for what is no quantity, though it is written as one: "your code is 482913".
_IDENTIFYING: Final = re.compile(
    r"\b(?:codes?|pin|passwords?|digits?|cards?|accounts?|orders?|tickets?|protocols?|references?|case|zip|ending"
    r"|c[óo]digos?|claves?|senhas?|d[íi]gitos?|contraseñas?|tarjetas?|cart(?:ão|ões|es?|as?)|cuentas?|contas?"
    r"|pedidos?|protocol[oe]s?|referencias?|referências?|chamados?|finai?s?|termina\w*|postale?|cep"
    r"|chiffres?|comptes?|commandes?|dossiers?|r[ée]f[ée]rences?|codic[ei]|cifre|cont[oi]|ordin[ei]|pratica)\b"
    r"(?:\W+[^\W\d]+){0,4}\W*$",
    re.IGNORECASE,
)
_SHORTEST_IDENTIFIER: Final = 4
# Characters of what somebody says; card and account numbers have up to 34, payment slips 48.
_LONGEST: Final = 64
# English decades are not said as what they are written as: "the 1990s".
_DECADE: Final = re.compile(r"'?s\b")
# "5-10": without a pause the two would be one number.
_RANGE: Final = re.compile(r"[-\u2013\u2014]\D?\d")
_NEXT_WORD: Final = re.compile(r"\s([^\W\d_]+)")
# Small words, which what is counted may come after.
_NO_NOUN: Final = re.compile(
    r"para|por|como|cada|contra|hasta|hacia|pero|apenas|l[ao]s?|n[ao]s?|d[ao]s?|[ao]s?|e|y|o|u"
)
# What the word that is counted ends with, as a rule; the exceptions are put before it.
_COUNTED: Final = {
    ("es", Agreement.MASCULINE): re.compile(r"d[ií]as?|\w+[aeo]mas?|mapas?|\w+[^a]s|\w+o"),
    ("es", Agreement.FEMININE): re.compile(r"\w+(?:as?|ci[óo]n(?:es)?|dad(?:es)?)"),
    ("pt", Agreement.MASCULINE): re.compile(r"dias?|\w+[aeo]mas?|mapas?"),
    ("pt", Agreement.FEMININE): re.compile(r"\w+(?:as?|ção|ções|dades?)"),
    ("fr", Agreement.FEMININE): re.compile(
        r"heures?|minutes?|secondes?|personnes?|semaines?|années?|pages?|lignes?"
    ),
    ("it", Agreement.MASCULINE): re.compile(r"\w+[oe]"),
    ("it", Agreement.FEMININE): re.compile(r"\w+a"),
}


def spoken(text: str, language: str) -> str:
    """Return a text with its numbers as they are read out.

    Args:
        text: Any.
        language: BCP-47. In English, Spanish, Portuguese, French and Italian all numbers become words; in
            other languages only identifiers are changed: into single digits, with pauses.
    """
    return changed(text, readings(text, language))


def readings(text: str, language: str, *, slowly: bool = False) -> tuple[Reading, ...]:
    """Return what is read otherwise than it is written, in the order of the text and disjoint.

    Args:
        text: Any.
        language: BCP-47.
        slowly: Whether identifiers have a pause after every character.
    """
    tongue = tongue_of(language)
    found = [each for each in entities(text, language) if _is_written(each)]
    words = [
        identifier(_characters(each), tongue, slowly=slowly)
        if each.kind in IDENTIFIERS or (tongue and _is_identifying(each, text))
        else _in_full(each, text, tongue)
        for each in found
    ]
    return tuple(
        _apart(text, each, said) for each, said in zip(found, words, strict=True) if said is not None
    )


def _apart(text: str, entity: Entity, words: str) -> Reading:
    """Return a reading that does not run into the words around it."""
    before, after = text[: entity.start][-1:], text[entity.end :][:1]
    stop = ""
    if entity.text.endswith(".") and _SENTENCE_ENDS.match(text, entity.end):
        # The point of "p.m." is that of the sentence too.
        stop = "."
    elif _RANGE.match(text, entity.end) or (
        # A letter before a word would be read as one.
        entity.kind in IDENTIFIERS and words[-1:].isupper() and after.isspace()
    ):
        stop = ","
    return Reading(entity.start, entity.end, f"{' ' * before.isalnum()}{words}{stop}{' ' * after.isalnum()}")


def _is_written(entity: Entity) -> bool:
    """Say whether it is in figures, or in letters that stand apart; what is in words is read as it is.

    What is too long for anybody to say it is left to the engine, too.
    """
    if len(entity.value) > _LONGEST:
        return False
    if entity.kind is Kind.EMAIL:
        return "@" in entity.text
    return any(map(str.isdecimal, entity.text)) or (
        entity.kind in IDENTIFIERS and _LETTERS_APART.fullmatch(entity.text) is not None
    )


def _in_full(entity: Entity, text: str, tongue: Tongue | None) -> str | None:
    reader = _READERS.get(entity.kind)
    return reader(entity, text, tongue) if reader and tongue else None


def _number(entity: Entity, text: str, tongue: Tongue) -> str | None:
    if tongue.primary == "en" and _DECADE.match(text, entity.end):
        return None
    place = _ORDINAL.search(entity.text)
    if place and entity.value.isdecimal():
        feminine = place["gender"].lower() in _FEMININE_ORDINALS
        return ordinal(int(entity.value), tongue, feminine=feminine)
    return decimal(entity.value, tongue, _agreement(text[entity.end :], tongue))


def _is_identifying(entity: Entity, text: str) -> bool:
    figures = "".join(entity.text.split())
    bare = entity.kind is Kind.NUMBER and figures.isdecimal() and len(figures) >= _SHORTEST_IDENTIFIER
    if not bare or (figures != entity.text and _NEXT_WORD.match(text, entity.end)):
        return False  # "12 500 points" is a quantity
    return _IDENTIFYING.search(text, max(0, entity.start - 60), entity.start) is not None


def _agreement(after: str, tongue: Tongue) -> Agreement:
    following = _NEXT_WORD.match(after)
    noun = following[1].lower() if following else ""
    if not noun or _NO_NOUN.fullmatch(noun):
        return Agreement.NOTHING
    ends = (
        (each, _COUNTED.get((tongue.primary, each))) for each in (Agreement.MASCULINE, Agreement.FEMININE)
    )
    return next((each for each, end in ends if end and end.fullmatch(noun)), Agreement.NOTHING)


def _characters(entity: Entity) -> str:
    """Return an identifier as it is written, unless some of it is in words."""
    written = "".join(filter(str.isalnum, entity.text)).upper()
    return entity.text if written == "".join(filter(str.isalnum, entity.value)).upper() else entity.value


def _time(entity: Entity, _text: str, tongue: Tongue) -> str:
    return time(entity.value, tongue, twelve_hours=_TWELVE_HOURS.search(entity.text) is not None)


# In full, given the text around; what is not here is left to the engine.
_READERS: Final[dict[Kind, Callable[[Entity, str, Tongue], str | None]]] = {
    Kind.NUMBER: _number,
    Kind.MONEY: lambda entity, _text, tongue: amount(entity.value, tongue),
    Kind.PERCENT: lambda entity, _text, tongue: f"{decimal(entity.value, tongue)} {tongue.percent}",
    Kind.DATE: lambda entity, _text, tongue: date(entity.value, tongue),
    Kind.TIME: _time,
    Kind.EMAIL: lambda entity, _text, tongue: email(entity.text, tongue),
}
