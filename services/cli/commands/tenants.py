"""`dragoman tenants` and `dragoman usage`: what a tenant may use, and what it used."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, cast

import typer

from dragoman import Tenant
from dragoman.models import Limits
from dragoman.specs import LimitsSpec
from services.cli import tables, transcript
from services.cli.client import connect
from services.cli.settings import CliSettings
from services.shared.config import load
from services.shared.errors import InvalidRequest

_DEFAULT: Final = "default"

app = typer.Typer(help="Tenants: what each may use.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Of the tenant.")]
Limit = Annotated[str | None, typer.Option(help="A number, or `default` for the installation's.")]


@app.command("list")
def list_() -> None:
    """List the tenants and their limits."""
    table = tables.table("tenant", *(name.replace("_", " ") for name in Limits.model_fields))
    with connect(load(CliSettings)) as gateway:
        for tenant in gateway.tenants.list():
            table.add_row(tenant.name, *_limits(tenant).values())
    tables.show(table)


@app.command()
def show(name: Name) -> None:
    """Show one tenant."""
    with connect(load(CliSettings)) as gateway:
        _show(gateway.tenants.get(name))


@app.command("set")
def set_(
    name: Name,
    requests_per_minute: Limit = None,
    concurrent_requests: Limit = None,
    unfinished_jobs: Limit = None,
    storage_bytes: Limit = None,
    audio_minutes_per_month: Limit = None,
) -> None:
    """Change what a tenant may use; limits that are not named stay as they are."""
    asked = {
        "requests_per_minute": requests_per_minute,
        "concurrent_requests": concurrent_requests,
        "unfinished_jobs": unfinished_jobs,
        "storage_bytes": storage_bytes,
        "audio_minutes_per_month": audio_minutes_per_month,
    }
    changes = {limit: _number(text) for limit, text in asked.items() if text is not None}
    with connect(load(CliSettings)) as gateway:
        limits = gateway.tenants.get(name).limits.model_dump() | changes
        _show(gateway.tenants.set(name, **cast("LimitsSpec", limits)))


def usage(
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Another tenant than your key's.")] = None,
) -> None:
    """Show what a tenant used, by stage."""
    with connect(load(CliSettings)) as gateway:
        used = gateway.usage(start=first and first.date(), end=last and last.date(), tenant=tenant)
    typer.echo(f"{used.tenant}, {used.start} to {used.end}: {used.storage_bytes / 1e6:.1f} MB stored")
    table = tables.table("stage", "units", "audio", "served")
    for stage in used.stages:
        served = f"{stage.served_ms / 1000:.1f} s"
        table.add_row(stage.stage, str(stage.units), transcript.clock(stage.audio_ms), served)
    tables.show(table)


def _show(tenant: Tenant) -> None:
    table = tables.table("limit", tenant.name)
    for limit, value in _limits(tenant).items():
        table.add_row(limit.replace("_", " "), value)
    tables.show(table)


def _limits(tenant: Tenant) -> dict[str, str]:
    limits = tenant.limits.model_dump()
    return {name: _DEFAULT if value is None else str(value) for name, value in limits.items()}


def _number(text: str) -> int | None:
    if text == _DEFAULT:
        return None
    if not (text.isascii() and text.isdecimal()):
        raise InvalidRequest(f"{text!r} is neither a number nor `{_DEFAULT}`.", code="limit_syntax")
    return int(text)
