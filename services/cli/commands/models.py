"""`dragoman models`: which models there are, what is here, how it gets here, and what servers hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich import progress as bars
from rich.console import Console

from protos.v1 import models_pb2
from services.cli import replicas, tables
from services.cli.settings import CliSettings
from services.shared import config
from services.shared.errors import DragomanError, InvalidRequest, Misconfigured
from services.shared.models import hub, manifest, places
from services.shared.models.catalogue import Catalogue
from services.shared.models.pull import pull as pull_set
from services.shared.models.settings import HubSettings
from services.shared.tasks import SERVICES

SetName = Annotated[str, typer.Argument(metavar="SET", help="A model set, such as lite.")]
Wanted = Annotated[
    str,
    typer.Argument(
        metavar="SET|OWNER/NAME[@REVISION]", help="A model set, such as lite, or a model of the hub."
    ),
]
Service = Annotated[str, typer.Argument(help="Of whose servers: asr, translation, tts or codec.")]

app = typer.Typer(
    help="Models: list, pull and verify them; see and exchange what running servers hold.",
    no_args_is_help=True,
)


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
def pull(wanted: Wanted) -> None:
    """Download a model set, or a model of DRAGOMAN_HUB_URL; goes on where an earlier pull stopped."""
    settings = config.load(HubSettings)
    with _bars() as shown:
        if hub.is_hub_name(wanted):
            brought = hub.pull_model(wanted, settings, Bars(shown)) is not None
        else:
            brought = bool(pull_set(wanted, settings.models_dir, Bars(shown)))
    if not brought:
        typer.echo(f"{wanted} is here." if hub.is_hub_name(wanted) else f"All models of {wanted} are here.")


def _bars() -> bars.Progress:
    return bars.Progress(
        bars.TextColumn("{task.description:<16}"),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(),
        console=Console(highlight=False),
    )


@app.command("list")
def list_() -> None:
    """List every model: its set, stage, size, licence, sha256 of its weights, and whether it is here."""
    settings = config.load(CliSettings)
    known, catalogue = manifest.load(), Catalogue(settings.models_dir)
    table = tables.table("model", "set", "stage", "size", "licence", "sha256", "here")
    for title, names in known.sets.items():
        missing = set(catalogue.missing(title))
        for name in names:
            model = known.model(name)
            here = "no" if name in missing else "yes"
            size = _megabytes(model.size_bytes)
            table.add_row(name, title, model.stage, size, model.licence, model.sha256[:12], here)
    for pulled in hub.here(settings.models_dir):
        sha256 = _sha256(settings.models_dir, pulled.name)
        row = (f"revision {pulled.revision[:12]}", "", _megabytes(pulled.size_bytes), "", sha256[:12], "yes")
        table.add_row(pulled.name, *row)
    tables.show(table)


@app.command()
def serving() -> None:
    """Show which models the running servers hold, and which of them lie in memory."""
    settings = config.load(CliSettings)
    table = tables.table("service", "server", "engine", "model", "sha256", "size", "state", "calls")
    for service in SERVICES:
        for at in replicas.of(settings, service):
            for row in _rows(settings, at):
                table.add_row(service, at.target, *row)
    tables.show(table)


def _rows(settings: CliSettings, at: replicas.Replica) -> Iterator[tuple[str, ...]]:
    try:
        held = replicas.held(settings, at)
    except DragomanError as error:
        yield "", "", "", "", error.code, ""
        return
    for each in held:
        state = models_pb2.ModelState.Name(each.state).removeprefix("MODEL_STATE_").lower()
        name = f"{each.model.name} {each.model.revision}"
        yield (
            each.reference,
            name,
            each.model.sha256[:12],
            _megabytes(each.size_bytes),
            state,
            str(each.calls),
        )


@app.command()
def switch(
    service: Service,
    old: Annotated[str, typer.Argument(help="What they hold, as `dragoman models serving` shows it.")],
    new: Annotated[str, typer.Argument(help="Its replacement, such as faster-whisper:owner/name.")],
) -> None:
    """Have every server of a service exchange a model, one after the other; no call is lost.

    It holds until they start again: what they load then stands in DRAGOMAN_<SERVICE>_ENGINES.
    """
    settings = config.load(CliSettings)
    if service not in SERVICES:
        raise InvalidRequest(f"There are {', '.join(SERVICES)}.", code="unknown_service")
    for at in replicas.of(settings, service):
        model = replicas.switch(settings, at, old, new).model
        typer.echo(f"{at.target} serves {model.name} {model.revision} {model.sha256}".rstrip())


def _sha256(models_dir: Path, name: str) -> str:
    try:
        return places.find(models_dir, name).model.sha256
    except Misconfigured as error:
        return error.code


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.0f} MB" if size_bytes else ""


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
