"""What a check of `dragoman doctor` finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """How a component is."""

    OK = "ok"
    IDLE = "not yet"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor's report.

    Attributes:
        component: What was looked at.
        health: How it is.
        found: Version or place, empty when there is none.
        remedy: What to do, empty when nothing.
    """

    component: str
    health: Health
    found: str
    remedy: str = ""
