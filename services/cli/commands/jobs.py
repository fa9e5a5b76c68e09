"""`dragoman submit`, `watch`, `jobs`, `job`, `cancel`, `result` and `erase`: work for a gateway."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dragoman import Dragoman, Job
from services.cli import tables, transcript, watching
from services.cli.client import SUBMIT_RETRIES, connect
from services.cli.settings import CliSettings
from services.cli.submission import SubmitOptions
from services.shared.config import load
from services.shared.errors import DragomanError

group = typer.Typer(invoke_without_command=True)

JobId = Annotated[str, typer.Argument(help="Id of a job, as `dragoman jobs` lists them.")]


class JobEndedBadly(DragomanError):
    """A job that was waited for failed or was cancelled."""

    family = "job_failed"


def submit(options: SubmitOptions) -> None:
    """Submit a job: a recording to translate, transcribe or convert, or a text."""
    options.require_input()
    console, settings = Console(), load(CliSettings)
    with connect(settings, SUBMIT_RETRIES) as gateway:
        job = gateway.jobs.submit(options.spec(), file=options.file)
        console.print(job.id, highlight=False)
        if not options.watch and options.out is None:
            return
        job = require_success(watching.watch(gateway, job.id, console))
        show(gateway, job, console)
        if options.out is not None:
            list_files(gateway.jobs.download_all(job, options.out), console)


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
    table = tables.table("job", "kind", "state", "created", "audio")
    with connect(load(CliSettings)) as gateway:
        for job in gateway.jobs.list(limit=limit):
            audio = "" if job.audio_ms is None else transcript.clock(job.audio_ms)
            table.add_row(job.id, job.kind, job.state, tables.moment(job.created_at), audio)
    tables.show(table)


@group.command()
def retry(
    job_id: JobId,
    watch: Annotated[bool, typer.Option("--watch", help="Show progress until the job is over.")] = False,
) -> None:
    """Run again what failed of a job."""
    console = Console()
    with connect(load(CliSettings)) as gateway:
        typer.echo(gateway.jobs.retry(job_id).state)
        if watch:
            show(gateway, require_success(watching.watch(gateway, job_id, console)), console)


def job(job_id: JobId) -> None:
    """Show one job as JSON."""
    with connect(load(CliSettings)) as gateway:
        typer.echo(gateway.jobs.get(job_id).model_dump_json(indent=2))


def cancel(job_id: JobId) -> None:
    """Ask for a job to end."""
    with connect(load(CliSettings)) as gateway:
        typer.echo(gateway.jobs.cancel(job_id).state)


def result(
    job_id: JobId,
    out: Annotated[Path | None, typer.Option(help="Folder to fetch all files of the job into.")] = None,
) -> None:
    """Print a job's result as JSON."""
    with connect(load(CliSettings)) as gateway:
        document = gateway.jobs.result_document(job_id)
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
        if out is not None:
            list_files(gateway.jobs.download_all(job_id, out), Console(stderr=True))


def erase(job_id: JobId) -> None:
    """Delete a job that is over and all that was kept of it; prints the receipt's id."""
    with connect(load(CliSettings)) as gateway:
        typer.echo(gateway.jobs.erase(job_id).id)


def require_success(job: Job) -> Job:
    """Return a job that produced a result.

    Raises:
        JobEndedBadly: it failed or was cancelled; carries the job's own code.
    """
    if job.good:
        return job
    if job.error is not None:
        raise JobEndedBadly(job.error.detail, code=job.error.code)
    raise JobEndedBadly(f"{job.id} is {job.state}.", code=job.state)


def show(gateway: Dragoman, job: Job, console: Console) -> None:
    """Print what a job came to: its transcript or its text, and what it cost."""
    if job.kind in {"speech_translation", "transcription"}:
        console.print(transcript.table(gateway.jobs.result_document(job)))
        console.print()
    elif job.kind == "text_translation":
        result = gateway.jobs.result(job)
        text = result.translation.text if result.translation else ""
        console.print(text, markup=False, highlight=False)
    console.print(watching.costs(job))
    if job.state == "partially_succeeded":
        console.print("A part of it failed; `dragoman job` and the result say which.", style="yellow")


def list_files(files: list[Path], console: Console) -> None:
    """Print where files are."""
    for file in files:
        console.print(str(file), markup=False, highlight=False, soft_wrap=True)
