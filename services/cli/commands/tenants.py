"""`dragoman tenants` and `dragoman usage`: what a tenant may use, and what it used."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, cast

import typer

from dragoman import Tenant
from dragoman.models import Limits, ReviewPolicy
from dragoman.specs import LimitsSpec, ReviewSpec
from services.cli import tables, transcript
from services.cli.client import connect
from services.cli.options import command
from services.cli.settings import CliSettings
from services.shared.config import load
from services.shared.errors import InvalidRequest

_DEFAULT: Final = "default"
_IGNORED: Final = "ignored"
_SHARES: Final = frozenset(("min_confidence", "min_entity_confidence", "max_word_error_rate"))
_NONE: Final = "none"
_WHOLE: Final = re.compile(r"[0-9]+")
_FRACTION: Final = re.compile(r"[0-9]+|[0-9]*\.[0-9]+")

app = typer.Typer(help="Tenants: what each may use.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Of the tenant.")]
Limit = Annotated[str | None, typer.Option(help="A number, or `default` for the installation's.")]
Share = Annotated[str | None, typer.Option(help="From 0 to 1, or `default` for the installation's.")]


@app.command("list")
def list_() -> None:
    """List the tenants and their limits."""
    table = tables.table("tenant", *(name.replace("_", " ") for name in (*Limits.model_fields, "reviews")))
    with connect(load(CliSettings)) as gateway:
        for tenant in gateway.tenants.list():
            reviews = _DEFAULT if tenant.review == ReviewPolicy() else "own"
            table.add_row(tenant.name, *_shown(tenant.limits).values(), reviews)
    tables.show(table)


@app.command()
def show(name: Name) -> None:
    """Show one tenant."""
    with connect(load(CliSettings)) as gateway:
        _show(gateway.tenants.get(name))


@dataclass(frozen=True, slots=True)
class TenantOptions:
    """The options of `dragoman tenants set`, by the names that the gateway has for them."""

    name: Name
    requests_per_minute: Limit = None
    concurrent_requests: Limit = None
    unfinished_jobs: Limit = None
    storage_bytes: Limit = None
    audio_minutes_per_month: Limit = None
    min_confidence: Share = None
    min_entity_confidence: Share = None
    max_delay_ms: Limit = None
    max_word_error_rate: Share = None
    ignored: Annotated[
        str | None,
        typer.Option(help="Codes that are no reason for a review, with commas; `none`, or `default`."),
    ] = None

    def changes(self, names: Iterable[str]) -> dict[str, Any]:
        """Return those of some fields that are asked for; None where the installation's is.

        Raises:
            InvalidRequest: (code limit_syntax) one is no number.
        """
        asked = {name: text for name in names if (text := getattr(self, name)) is not None}
        return {name: _value(name, text) for name, text in asked.items()}


def set_(options: TenantOptions) -> None:
    """Change what a tenant may use, and when its results need a review; what is not named stays as it is."""
    limits, review = options.changes(Limits.model_fields), options.changes(ReviewPolicy.model_fields)
    with connect(load(CliSettings)) as gateway:
        tenant = gateway.tenants.get(options.name)
        kept = cast("LimitsSpec", tenant.limits.model_dump() | limits)
        wanted = cast("ReviewSpec", tenant.review.model_dump() | review) if review else None
        _show(gateway.tenants.set(options.name, review=wanted, **kept))


app.command("set")(command(set_, TenantOptions))


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
    for name, value in (_shown(tenant.limits) | _shown(tenant.review)).items():
        table.add_row(name.replace("_", " "), value)
    tables.show(table)


def _shown(fields: Limits | ReviewPolicy) -> dict[str, str]:
    said = {name: ",".join(value) or _NONE if isinstance(value, list) else value for name, value in fields}
    return {name: _DEFAULT if value is None else str(value) for name, value in said.items()}


def _value(name: str, text: str) -> int | float | list[str] | None:
    if text == _DEFAULT:
        return None
    if name == _IGNORED:
        return [code for each in text.split(",") if (code := each.strip()) not in ("", _NONE)]
    if name in _SHARES and _FRACTION.fullmatch(text):
        return float(text)
    if name not in _SHARES and _WHOLE.fullmatch(text):
        return int(text)
    wanted = "a number from 0 to 1" if name in _SHARES else "a whole number"
    raise InvalidRequest(
        f"{name.replace('_', ' ')} takes {wanted} or `{_DEFAULT}`, not {text!r}.", code="limit_syntax"
    )
