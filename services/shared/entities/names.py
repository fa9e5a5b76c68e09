"""Reads names of people, where the words before them say that they are names."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from services.shared.entities.kinds import Kind
from services.shared.entities.page import Page

# By language: what stands before a name. A title counts only with its capital.
_CUES: Final = {
    "en": (
        r"[Mm]y (?:full )?name is|[Yy]our name is|[Nn]ame:"
        r"|[Tt]his is(?= [\w .'-]{1,40} (?:speaking|calling|from))"
    ),
    "es": r"[Mm]e llamo|[Mm]i nombre (?:completo )?es|[Ss]u nombre es|[Nn]ombre:|[Ll]e (?:habla|atiende)",
    "pt": (
        r"[Mm]eu nome (?:completo )?é|[Ss]eu nome é|[Nn]ome:|[Mm]e chamo|[Cc]hamo-me"
        r"|[Aa]qui (?:é|fala)(?: [oa])?"
    ),
    "fr": (
        r"[Jj]e m['\u2019]appelle|[Mm]on nom est|[Vv]otre nom est|[Nn]om :"
        r"|[Jj]e suis(?= [\w .'-]{1,40} de la )"
    ),
    "it": (
        r"[Mm]i chiamo|[Ii]l mio nome (?:completo )?è|[Ii]l suo nome è|[Nn]ome:"
        r"|[Ss]ono (?:il signor|la signora)"
    ),
}
_TITLES: Final = {
    "en": r"Mr\.?|Mrs\.?|Ms\.?|Miss|Dr\.?|Prof\.",
    "es": r"Sr\.|Sra\.|Srta\.|Dr\.|Dra\.|[Ss]eñora?|[Dd]on|[Dd]oña",
    "pt": r"Sr\.ª?|Sra\.?|Dr\.?|Dra\.?|[Ss]enhora?|Dona",
    "fr": r"M\.|Mme\.?|Mlle\.?|Dr\.?|[Mm]onsieur|[Mm]adame",
    "it": r"Sig\.|Sig\.ra|Sig\.na|Dott\.|Dott\.ssa|[Ss]ignora?",
}
# What every one of them has, and is found sooner.
_HINTS: Final = {
    "en": "ame|his is|Mr|Ms|Miss|Dr|Prof",
    "es": "llamo|ombre|habla|atiende|Sr|Dr|eñor|don |Don |doña |Doña ",
    "pt": "ome|hamo|qui é|qui fala|Sr|Dr|enhor|Dona",
    "fr": r"appelle|om est|om :|e suis|M\.|Mme|Mlle|Dr|onsieur|adame",
    "it": "chiamo|ome|ignor|Sig|Dott",
}
_WORD: Final = r"(?:(?:O'|D'|Mc|Mac)?[^\W\d_a-zà-ÿ][a-zà-ÿ]+(?:[-'\u2019][^\W\d_]+)?|[A-Z]\.)"
_PARTICLE: Final = r"(?:de la|de los|de|da|do|das|dos|del|della|di|van|von|le|la|du|y|e)"
_NAME: Final = rf"(?P<name>{_WORD}(?: (?:{_PARTICLE} )?{_WORD}){{0,4}})(?<![. ])(?<!'s)(?<!\u2019s)"
# What a title and a capital may also be.
_OFFICES: Final = frozenset(
    [
        "president",
        "presidente",
        "président",
        "presidenta",
        "speaker",
        "chairman",
        "minister",
        "ministro",
        "ministre",
        "secretary",
        "director",
        "diretor",
        "directeur",
        "direttore",
        "sr",
        "sra",
        "sr.",
        "sra.",
    ]
)


def read_names(page: Page) -> None:
    """Take the capitalised words after "my name is", "Mr", "Dona", "Sig." and their like."""
    if page.language not in _CUES or not _hint(page.language).search(page.text):
        return
    for match in _pattern(page.language).finditer(page.text):
        if match["name"].partition(" ")[0].lower() not in _OFFICES:
            page.take(Kind.NAME, match["name"].replace("\u2019", "'"), *match.span("name"))


@lru_cache
def _hint(language: str) -> re.Pattern[str]:
    return re.compile(_HINTS[language])


@lru_cache
def _pattern(language: str) -> re.Pattern[str]:
    title = rf"(?:{_TITLES[language]}) "
    return re.compile(rf"\b(?:(?:{_CUES[language]}) (?:{title})?|{title}){_NAME}")
