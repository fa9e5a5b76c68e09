"""`dragoman doctor`: is everything here, in the right version, and well?"""

from __future__ import annotations

import typer
from rich.console import Console
from rich.table import Table

from services.cli.checks import all_checks
from services.cli.findings import Health
from services.cli.settings import CliSettings
from services.shared.config import load

_STYLES = {Health.OK: "green", Health.IDLE: "dim", Health.BAD: "bold red"}


def doctor() -> None:
    """Check each component: found, version, healthy, what to do. Exits 1 when one is bad."""
    table = Table(box=None, pad_edge=False)
    for heading in ("component", "health", "found", "what to do"):
        table.add_column(heading, overflow="fold", no_wrap=heading in {"component", "health"})
    checks = list(all_checks(load(CliSettings)))
    for check in checks:
        table.add_row(check.component, check.health, check.found, check.remedy, style=_STYLES[check.health])
    Console(highlight=False).print(table)
    if any(check.health is Health.BAD for check in checks):
        raise typer.Exit(1)
