"""`dragoman glossaries`: words that recognition, translation and speech shall know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli import tables
from services.cli.client import connect
from services.cli.settings import CliSettings
from services.shared.config import load
from services.shared.errors import InvalidRequest

app = typer.Typer(help="Glossaries: list, show, set and delete them.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="As `dragoman glossaries list` shows it.")]


@app.command("list")
def list_() -> None:
    """List glossaries."""
    table = tables.table("glossary", "name", "terms", "version", "changed")
    with connect(load(CliSettings)) as gateway:
        for each in gateway.glossaries.list():
            changed = tables.moment(each.updated_at)
            table.add_row(each.id, each.name, str(len(each.terms)), str(each.version), changed)
    tables.show(table)


@app.command()
def show(glossary_id: Id) -> None:
    """Show a glossary as JSON, such as `set` takes."""
    with connect(load(CliSettings)) as gateway:
        found = gateway.glossaries.get(glossary_id)
    typer.echo(found.model_dump_json(include={"name", "terms"}, exclude_defaults=True, indent=2))


@app.command("set")
def set_(file: Annotated[Path, typer.Argument(help='JSON: {"name": ..., "terms": [...]}.')]) -> None:
    """Make the glossary that a file describes, or replace the one of the same name; prints its id."""
    wanted = read(file)
    name, terms = wanted["name"], wanted["terms"]
    with connect(load(CliSettings)) as gateway:
        known = next((each for each in gateway.glossaries.list() if each.name == name), None)
        if known is None:
            glossary = gateway.glossaries.create(name, terms)
        else:
            glossary = gateway.glossaries.replace(known, name, terms)
    typer.echo(glossary.id)


@app.command()
def delete(glossary_id: Id) -> None:
    """Delete a glossary."""
    with connect(load(CliSettings)) as gateway:
        gateway.glossaries.delete(glossary_id)
    typer.echo(f"{glossary_id} deleted")


def read(file: Path) -> dict[str, Any]:
    """Read the description of a glossary; its terms are judged by the gateway.

    Raises:
        InvalidRequest: the file is not JSON, or has no name or terms.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return {"name": str(found["name"]), "terms": list(found["terms"])}
    except (ValueError, KeyError, TypeError):
        raise InvalidRequest(
            f'{file} must be JSON such as {{"name": "products", "terms": [{{"source": "dial tone"}}]}}.',
            code="glossary_syntax",
        ) from None
