"""How languages and countries write numbers, money, dates and times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from services.shared.entities.dates import month_first
from services.shared.entities.page import base


@dataclass(frozen=True, slots=True)
class Format:
    """The habits of one language or country.

    Attributes:
        decimal: Between units and decimals.
        group: Between thousands.
        ordinal: After the digits of an ordinal.
        percent: After a percentage.
        clock: Between hours and minutes.
        money: With {sign} and {amount}.
        date: With {day}, {month} (its name) and {year}, in full; also `month_year` and `day_month`.
        numeric: Of a date in digits, by {0} the day, {1} the month and {2} the year.
        dollar: The sign of the American dollar.
        twelve: Whether hours are counted to twelve, with am and pm.
    """

    decimal: str = ","
    group: str = "."
    ordinal: str = "\u00ba"
    percent: str = "%"
    clock: str = ":"
    money: str = "{amount} {sign}"
    date: str = "{day} de {month} de {year}"
    day_month: str = "{day} de {month}"
    month_year: str = "{month} de {year}"
    month_first: bool = False
    dollar: str = "US$"
    twelve: bool = False


_ENGLISH: Final = Format(
    decimal=".", group=",", ordinal="th", money="{sign}{amount}", date="{month} {day}, {year}",
    day_month="{month} {day}", month_year="{month} {year}", month_first=True, dollar="$", twelve=True,
)  # fmt: skip
_BRITISH: Final = replace(_ENGLISH, date="{day} {month} {year}", day_month="{day} {month}", month_first=False)
_SPANISH: Final = Format()
_PLAIN_DATES: Final = replace(
    _SPANISH, date="{day} {month} {year}", day_month="{day} {month}", month_year="{month} {year}"
)
_BRAZILIAN: Final = Format(clock="h", money="{sign} {amount}")
_FORMATS: Final = {
    "en": _ENGLISH,
    "es": _SPANISH,
    "pt": _BRAZILIAN,
    "pt-pt": replace(_BRAZILIAN, money="{amount} {sign}"),
    "fr": replace(_PLAIN_DATES, group="\u202f", ordinal="e", percent="\u00a0%", clock="h", dollar="$"),
    "it": _PLAIN_DATES,
}
_POINT_IN_SPANISH: Final = frozenset(["mx", "us", "pr", "do", "gt", "hn", "ni", "pa", "sv", "pe"])


def format_of(tag: str) -> Format | None:
    """Return the habits of a BCP-47 tag; None where its language's are not known."""
    language, region = base(tag), tag.replace("_", "-").partition("-")[2].lower()
    if language == "en" and not month_first(tag):
        return _BRITISH
    if language == "es" and region in _POINT_IN_SPANISH:
        return replace(_SPANISH, decimal=".", group=",", money="{sign}{amount}")
    return _FORMATS.get(f"{language}-{region}", _FORMATS.get(language))
