"""Days and moments as requests name them: texts, never numbers that might be seconds since 1970."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator


def _a_moment(value: object) -> object:
    if not isinstance(value, str) or "-" not in value:
        raise ValueError("must be a date and time with a time zone, such as 2030-01-31T00:00:00Z")
    return value


def _a_day(value: object) -> object:
    if not isinstance(value, str) or "-" not in value:
        raise ValueError("must be a date, such as 2030-01-31")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_a_moment)]
Day = Annotated[date, BeforeValidator(_a_day)]
