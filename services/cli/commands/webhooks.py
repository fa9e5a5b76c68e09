"""`dragoman webhooks`: who is told when a job is over."""

from __future__ import annotations

from typing import Annotated

import typer

from dragoman import Webhook
from services.cli import tables
from services.cli.client import connect
from services.cli.settings import CliSettings
from services.shared.config import load

app = typer.Typer(help="Webhooks: endpoints that hear when a job is over.", no_args_is_help=True)

Id = Annotated[
    str, typer.Argument(metavar="ID", help="Of an endpoint, as `dragoman webhooks list` shows it.")
]


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="Of the endpoint: https.")],
    description: Annotated[str | None, typer.Option(help="For people.")] = None,
    event: Annotated[list[str] | None, typer.Option(help="One per kind, such as job.succeeded.")] = None,
    only_named: Annotated[
        bool, typer.Option("--only-named", help="Hear only of jobs that name it by --webhook-url.")
    ] = False,
) -> None:
    """Have an endpoint told of jobs; prints its secret, this once."""
    with connect(load(CliSettings)) as gateway:
        added = gateway.webhooks.create(
            url, description=description, events=event or None, all_jobs=not only_named
        )
    _keep(added)


@app.command("list")
def list_() -> None:
    """List endpoints."""
    table = tables.table("webhook", "url", "hears of", "state", "description")
    with connect(load(CliSettings)) as gateway:
        for each in gateway.webhooks.list():
            state = "on" if each.enabled else f"off: {each.disabled_reason or 'by hand'}"
            hears = "all jobs" if each.all_jobs else "jobs that name it"
            table.add_row(each.id, each.url, hears, state, each.description or "")
    tables.show(table)


@app.command()
def rotate(webhook_id: Id) -> None:
    """Give an endpoint another secret and print it, this once; for 24 h the old one signs along."""
    with connect(load(CliSettings)) as gateway:
        _keep(gateway.webhooks.rotate(webhook_id))


@app.command()
def test(webhook_id: Id) -> None:
    """Send an endpoint a message for trying it out."""
    with connect(load(CliSettings)) as gateway:
        delivery = gateway.webhooks.test(webhook_id)
    typer.echo(f"{delivery.id} on its way; see `dragoman webhooks deliveries {webhook_id}`")


@app.command()
def deliveries(
    webhook_id: Id, state: Annotated[str | None, typer.Option(help="Only these, such as failed.")] = None
) -> None:
    """List what an endpoint was told."""
    table = tables.table("delivery", "type", "state", "attempts", "created", "job")
    with connect(load(CliSettings)) as gateway:
        for each in gateway.webhooks.deliveries(webhook_id, state=state):
            attempts, created = str(len(each.attempts)), tables.moment(each.created_at)
            table.add_row(each.id, each.type, each.state, attempts, created, each.job or "")
    tables.show(table)


@app.command()
def replay(
    webhook_id: Id,
    delivery_id: Annotated[str, typer.Argument(help="As `dragoman webhooks deliveries` shows it.")],
) -> None:
    """Send a message again."""
    with connect(load(CliSettings)) as gateway:
        gateway.webhooks.replay(webhook_id, delivery_id)
    typer.echo(f"{delivery_id} on its way")


@app.command()
def delete(webhook_id: Id) -> None:
    """Tell an endpoint nothing any more."""
    with connect(load(CliSettings)) as gateway:
        gateway.webhooks.delete(webhook_id)
    typer.echo(f"{webhook_id} deleted")


def _keep(webhook: Webhook) -> None:
    # The secret alone goes to standard output, so that it can be piped to where it is kept.
    typer.echo(f"{webhook.id} at {webhook.url}. Keep its secret now:", err=True)
    typer.echo(webhook.secret)
