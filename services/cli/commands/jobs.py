"""`dragoman submit`, `watch`, `jobs`, `jobs retry`, `job`, `cancel` and `result`: work for a gateway."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from services.cli import transcript, watching
from services.cli.client import Gateway, Job, connect
from services.cli.settings import CliSettings
from services.cli.submission import SubmitOptions
from services.shared.config import load
from services.shared.errors import DragomanError

_TABLE_WIDTH: Final = 110

group = typer.Typer(invoke_without_command=True)

JobId = Annotated[str, typer.Argument(help="Id of a job, as `dragoman jobs` lists them.")]


class JobEndedBadly(DragomanError):
    """A job that was waited for failed or was cancelled."""

    family = "job_failed"


def submit(options: SubmitOptions) -> None:
    """Submit a job: a recording to translate, transcribe or convert, or a text."""
    options.require_input()
    console = Console()
    with connect(load(CliSettings)) as gateway:
        job = gateway.submit(options.spec(), options.file)
        console.print(job.id, highlight=False)
        if not options.watch and options.out is None:
            return
        job = require_success(watching.watch(gateway, job.id, console))
        show(gateway, job, console)
        if options.out is not None:
            list_files(gateway.download_all(job, options.out), console)


def watch(job_id: JobId) -> None:
    """Show a job's progress until it is over, then what came of it."""
    console = Console()
    with connect(load(CliSettings)) as gateway:
        show(gateway, require_success(watching.watch(gateway, job_id, console)), console)


@group.callback()
def jobs(context: typer.Context, limit: Annotated[int, typer.Option(help="At most this many.")] = 20) -> None:
    """List the newest jobs, or retry one."""
    if context.invoked_subcommand is not None:
        return
    table = Table("job", "kind", "state", "created", "audio", box=None, pad_edge=False)
    with connect(load(CliSettings)) as gateway:
        for job in gateway.jobs(limit):
            audio = "" if job.audio_ms is None else transcript.clock(job.audio_ms)
            table.add_row(job.id, job.kind, job.state, f"{job.created_at.astimezone():%F %T}", audio)
    # Wide enough for whole ids also where the terminal is not: they are there to be copied.
    Console(highlight=False, width=max(Console().width, _TABLE_WIDTH)).print(table)


@group.command()
def retry(
    job_id: JobId,
    watch: Annotated[bool, typer.Option("--watch", help="Show progress until the job is over.")] = False,
) -> None:
    """Run again what failed of a job."""
    console = Console()
    with connect(load(CliSettings)) as gateway:
        typer.echo(gateway.retry(job_id).state)
        if watch:
            show(gateway, require_success(watching.watch(gateway, job_id, console)), console)


def job(job_id: JobId) -> None:
    """Show one job as JSON."""
    with connect(load(CliSettings)) as gateway:
        typer.echo(gateway.job(job_id).model_dump_json(indent=2))


def cancel(job_id: JobId) -> None:
    """Ask for a job to end."""
    with connect(load(CliSettings)) as gateway:
        typer.echo(gateway.cancel(job_id).state)


def result(
    job_id: JobId,
    out: Annotated[Path | None, typer.Option(help="Folder to fetch all files of the job into.")] = None,
) -> None:
    """Print a job's result as JSON."""
    with connect(load(CliSettings)) as gateway:
        typer.echo(json.dumps(gateway.result(job_id), ensure_ascii=False, indent=2))
        if out is not None:
            list_files(gateway.download_all(gateway.job(job_id), out), Console(stderr=True))


def require_success(job: Job) -> Job:
    """Return a job that produced a result.

    Raises:
        JobEndedBadly: it failed or was cancelled; carries the job's own code.
    """
    if job.state in {"succeeded", "partially_succeeded"}:
        return job
    if job.error is not None:
        raise JobEndedBadly(job.error.detail, code=job.error.code)
    raise JobEndedBadly(f"{job.id} is {job.state}.", code=job.state)


def show(gateway: Gateway, job: Job, console: Console) -> None:
    """Print what a job came to: its transcript or its text, and what it cost."""
    if job.kind in {"speech_translation", "transcription"}:
        console.print(transcript.table(gateway.result(job.id)))
        console.print()
    elif job.kind == "text_translation":
        console.print(gateway.result(job.id)["translation"]["text"], markup=False, highlight=False)
    console.print(watching.costs(job))
    if job.state == "partially_succeeded":
        console.print("A part of it failed; `dragoman job` and the result say which.", style="yellow")


def list_files(files: list[Path], console: Console) -> None:
    """Print where files are."""
    for file in files:
        console.print(str(file), markup=False, highlight=False, soft_wrap=True)
