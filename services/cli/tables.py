"""Tables on the terminal, all of one look."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from rich.console import Console
from rich.table import Table

# Wide enough for whole ids also where the terminal is not: they are there to be copied.
_LEAST_WIDTH: Final = 110


def table(*headings: str) -> Table:
    """Return an empty table."""
    return Table(*headings, box=None, pad_edge=False)


def show(filled: Table) -> None:
    """Print a table."""
    Console(highlight=False, width=max(Console().width, _LEAST_WIDTH)).print(filled)


def moment(when: datetime | None) -> str:
    """Return a time as the local clock showed it; empty for none."""
    return "" if when is None else f"{when.astimezone():%F %T}"
