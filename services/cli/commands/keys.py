"""`dragoman keys`: who may talk to the gateway."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from services.cli import tables
from services.cli.client import connect
from services.cli.settings import CliSettings
from services.shared.config import load

app = typer.Typer(help="API keys: make, list and revoke them.", no_args_is_help=True)


@app.command()
def create(
    tenant: Annotated[str, typer.Argument(help="Whose key it is.")],
    name: Annotated[str | None, typer.Option(help="What it is for, for people.")] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="One per use: jobs:read, jobs:write, audio, manage, stages:read, admin."),
    ] = None,
    expires: Annotated[datetime | None, typer.Option(help="When it ends, by this machine's clock.")] = None,
) -> None:
    """Make a key and print it; it is shown this once. Without --scope it may do all for its own tenant."""
    with connect(load(CliSettings)) as gateway:
        made = gateway.keys.create(
            tenant, name=name, scopes=scope or None, expires_at=expires and expires.astimezone()
        )
    # The key alone goes to standard output, so that it can be piped to where it is kept.
    typer.echo(f"{made.id} of {made.tenant}, for {', '.join(made.scopes)}. Keep it now:", err=True)
    typer.echo(made.key)


@app.command("list")
def list_(tenant: Annotated[str | None, typer.Option(help="Only those of this tenant.")] = None) -> None:
    """List keys, without the keys themselves."""
    table = tables.table("key", "tenant", "name", "scopes", "created", "expires", "last used", "revoked")
    with connect(load(CliSettings)) as gateway:
        for key in gateway.keys.list(tenant=tenant):
            moments = (key.created_at, key.expires_at, key.last_used_at, key.revoked_at)
            table.add_row(
                key.id, key.tenant, key.name or "", " ".join(key.scopes), *map(tables.moment, moments)
            )
    tables.show(table)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="Id of a key, as `dragoman keys list` shows it.")],
) -> None:
    """Take a key back; it is refused within 60 s."""
    with connect(load(CliSettings)) as gateway:
        gateway.keys.revoke(key_id)
    typer.echo(f"{key_id} revoked")
