"""The `dragoman` command."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import typer

from services.cli.commands import doctor, glossaries, jobs, keys, models, stack, stages, tenants, webhooks
from services.cli.demo import flow
from services.cli.options import command
from services.cli.submission import SubmitOptions
from services.shared.errors import DragomanError

app = typer.Typer(
    help="Self-hosted speech translation for call centres.", no_args_is_help=True, add_completion=False
)
_HERE: tuple[Callable[..., None], ...] = (
    stack.up,
    stack.down,
    stack.status,
    stack.autoscale,
    flow.demo,
    doctor.doctor,
)
_JOBS: tuple[Callable[..., None], ...] = (jobs.watch, jobs.job, jobs.cancel, jobs.result, jobs.erase)
for _each in _HERE:
    app.command(rich_help_panel="This machine")(_each)
app.add_typer(models.app, name="models", rich_help_panel="This machine")
app.command("submit", rich_help_panel="Jobs")(command(jobs.submit, SubmitOptions))
app.add_typer(jobs.group, name="jobs", rich_help_panel="Jobs")
for _each in _JOBS:
    app.command(rich_help_panel="Jobs")(_each)
app.command(rich_help_panel="Jobs")(stages.stages)
app.add_typer(glossaries.app, name="glossaries", rich_help_panel="Management")
app.add_typer(webhooks.app, name="webhooks", rich_help_panel="Management")
app.add_typer(keys.app, name="keys", rich_help_panel="Management")
app.add_typer(tenants.app, name="tenants", rich_help_panel="Management")
app.command(rich_help_panel="Management")(tenants.usage)


def main() -> None:
    """Run the command line; an error becomes one line and exit code 1, never a traceback."""
    try:
        app()
    except DragomanError as error:
        _fail(error.code, error.detail)
    except OSError as error:
        _fail("file", ": ".join(str(part) for part in (error.filename, error.strerror or error) if part))
    except Exception as error:  # noqa: BLE001 (the last resort: a defect is reported like any other error)
        _fail("internal_error", f"{type(error).__name__} at {_place(error)}; please report it.")


def _fail(code: str, detail: str) -> None:
    typer.echo(f"error {code}: {detail}", err=True)
    raise SystemExit(1) from None


def _place(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.filename}:{last.lineno}"


if __name__ == "__main__":
    main()
