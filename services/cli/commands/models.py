"""`dragoman models`: what model sets there are, what is here, and how it gets here."""

from __future__ import annotations

from typing import Annotated

import typer
from rich import progress as bars
from rich.console import Console
from rich.table import Table

from services.cli.settings import CliSettings
from services.shared import config
from services.shared.errors import Misconfigured
from services.shared.models import manifest
from services.shared.models.catalogue import Catalogue
from services.shared.models.pull import pull as pull_set

SetName = Annotated[str, typer.Argument(metavar="SET", help="A model set, such as lite.")]

app = typer.Typer(help="Model sets: list them, pull them, verify them.", no_args_is_help=True)


class Bars:
    """One bar per archive, a line per model that is complete."""

    def __init__(self, shown: bars.Progress) -> None:
        self._shown = shown
        self._tasks: dict[str, bars.TaskID] = {}

    def waiting(self) -> None:
        """Say that another pull is at work."""
        self._shown.console.print("Another pull is at work; waiting for it.")

    def downloading(self, archive: str, done_bytes: int, size_bytes: int) -> None:
        """Move an archive's bar."""
        if archive not in self._tasks:
            self._tasks[archive] = self._shown.add_task(archive, total=size_bytes)
        self._shown.update(self._tasks[archive], completed=done_bytes)

    def assembled(self, model: str) -> None:
        """Say that a model is complete."""
        self._shown.console.print(f"{model} is complete and verified.")


@app.command()
def pull(set_name: SetName) -> None:
    """Download a model set; goes on where an earlier pull stopped, and does nothing when all is here."""
    settings = config.load(CliSettings)
    columns = (
        bars.TextColumn("{task.description:<16}"),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=Console(highlight=False)) as shown:
        pulled = pull_set(set_name, settings.models_dir, Bars(shown))
    if not pulled:
        typer.echo(f"All models of {set_name} are here.")


@app.command("list")
def list_() -> None:
    """List every model: its set, stage, size, licence, and whether it is here."""
    settings = config.load(CliSettings)
    known, catalogue = manifest.load(), Catalogue(settings.models_dir)
    table = Table("model", "set", "stage", "size", "licence", "here", box=None, pad_edge=False)
    for title, names in known.sets.items():
        missing = set(catalogue.missing(title))
        for name in names:
            model = known.model(name)
            here = "no" if name in missing else "yes"
            table.add_row(name, title, model.stage, f"{model.size_bytes / 1e6:.0f} MB", model.licence, here)
    Console(highlight=False).print(table)


@app.command()
def verify(set_name: SetName = "lite") -> None:
    """Read every file of a set again and check its hash; exits 1 when one is missing or damaged."""
    catalogue = Catalogue(config.load(CliSettings).models_dir)
    failures: list[Misconfigured] = []
    for name in manifest.load().members_of(set_name):
        try:
            catalogue.verify(name, rehash=True)
            typer.echo(f"{name} ok")
        except Misconfigured as error:
            typer.echo(f"{name} {error.code}")
            failures.append(error)
    if failures:
        raise failures[0]
