"""Amounts of money in words."""

from __future__ import annotations

from typing import Final

from services.tts.spoken.numbers import counted, decimal
from services.tts.spoken.tongues import Tongue, Unit

_HUNDREDTHS: Final = 2


def amount(value: str, tongue: Tongue) -> str:
    """Return an amount in words, with its currency by name where the language has one for it.

    Args:
        value: Decimal number, and the ISO 4217 code where it is known: "1234.50 USD".
        tongue: To read it in.
    """
    number, _, code = value.partition(" ")
    currency = tongue.currencies.get(code)
    if currency is None:
        return f"{decimal(number, tongue)} {code}"
    sign = f"{tongue.minus} " if number.startswith("-") else ""
    whole, _, fraction = number.lstrip("-").partition(".")
    if len(fraction.rstrip("0")) > _HUNDREDTHS or (currency.part is None and fraction.strip("0")):
        return f"{decimal(number, tongue)} {currency.whole.more}"
    hundredths = int(fraction[:_HUNDREDTHS].ljust(_HUNDREDTHS, "0"))
    return sign + _in_parts(int(whole or 0), hundredths, (currency.whole, currency.part), tongue)


def _in_parts(whole: int, hundredths: int, units: tuple[Unit, Unit | None], tongue: Tongue) -> str:
    parts = [counted(whole, units[0], tongue)] if whole or not hundredths else []
    if hundredths and units[1]:
        parts.append(counted(hundredths, units[1], tongue))
    return f" {tongue.joint} ".join(parts)
