"""What is said beside numbers in the languages whose words are read: currencies, months, units."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# No text has it: the expression of what a language lacks.
_NEVER = "(?!)"


@dataclass(frozen=True, slots=True)
class Habits:
    """What a language says beside numbers; all but the names are regular expressions of whole words.

    Attributes:
        names: The words for currencies and hours, and the short forms that they become after a number.
        percent: The words for the sign.
        cents: Hundredths of any currency.
        months: The months.
        of: Between a number and its currency, a day and its month.
        also: Between an amount and its cents, hours and minutes.
        plus: The word for the sign.
        clock: What is said of a time, its numbers in digits, and the form that it becomes; as for `re.sub`.
        afternoon: What makes of an hour up to eleven one of the count of 24.
    """

    names: dict[str, str] = field(default_factory=dict)
    percent: str = _NEVER
    cents: str = _NEVER
    months: str = _NEVER
    of: str = _NEVER
    also: str = _NEVER
    plus: str = ""
    clock: tuple[tuple[str, str], ...] = ()
    afternoon: str = _NEVER


def _names(**words: str) -> dict[str, str]:
    return {word: short for short, forms in words.items() for word in forms.split()}


_UNKNOWN = Habits()
_MINUTES = "([0-5]\\d)(?![.,]?\\d)"
_HABITS = {
    "en": Habits(
        _names(usd="dollar dollars", eur="euro euros", gbp="pound pounds", brl="real reais", jpy="yen"),
        "per ?cent",
        "cents?",
        "january|february|march|april|may|june|july|august|september|october|november|december",
        "of",
        "and",
        "plus",
    ),
    "es": Habits(
        _names(usd="dólar dólares", eur="euro euros", gbp="libra libras", brl="real reales", h="hora horas")
        | _names(pesos="peso pesos"),
        "por ciento",
        "centavos?|c[ée]ntimos?",
        "enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre",
        "de",
        "con|y",
        "más",
        (
            (r"\b(las?) (1?\d|2[0-3]) y media\b", r"\1 \g<2>30"),
            (rf"\b(las?) (1?\d|2[0-3]) y {_MINUTES}", r"\1 \2\3"),
        ),
    ),
    "pt": Habits(
        _names(usd="dólar dólares", eur="euro euros", gbp="libra libras", brl="real reais", h="hora horas"),
        "por cento",
        "centavos?|cêntimos?",
        "janeiro|fevereiro|março|abril|maio|junho|julho|agosto|setembro|outubro|novembro|dezembro",
        "de",
        "e",
        "mais",
        (
            (r"(?<![\d.,])(1?\d|2[0-3])(?: h)? e meia\b(?! (?:d[úu]zia|hora))", r"\1 e 30"),
            (rf"(?<![\d.,])(1?\d|2[0-3]) h (?:e )?{_MINUTES}(?: minutos?\b)?", r"\1 e \2"),
        ),
        "da (?:tarde|noite)",
    ),
    "fr": Habits(
        _names(usd="dollar dollars", eur="euro euros d'euro d'euros", gbp="livre livres", h="heure heures"),
        "pour cent",
        "centimes?",
        "janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre",
        "de",
        "et",
        "plus",
        ((r"(\d h) et demie?\b", r"\1 30"),),
    ),
    "it": Habits(
        _names(usd="dollaro dollari", eur="euro", gbp="sterlina sterline", brl="real reais", h="ora ore"),
        "per cento",
        "centesimi",
        "gennaio|febbraio|marzo|aprile|maggio|giugno|luglio|agosto|settembre|ottobre|novembre|dicembre",
        "di",
        "e",
        "più",
        (
            (r"\b(alle|dalle|le) (1?\d|2[0-3]) e mezz[ao]\b", r"\1 \g<2>30"),
            (rf"\b(alle|dalle|le) (1?\d|2[0-3]) e {_MINUTES}", r"\1 \2\3"),
        ),
    ),
}


def habits(language: str) -> Habits:
    """Those of a language, by its BCP-47 tag; none where they are not known."""
    return _HABITS.get(re.split("[-_]", language.lower())[0], _UNKNOWN)
