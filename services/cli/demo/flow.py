"""`dragoman demo`: one call through the whole pipeline, from nothing running to nothing running."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from dragoman import Dragoman, JobSpec
from dragoman.specs import ChannelSpec
from services.cli import watching
from services.cli.client import SUBMIT_RETRIES, connect
from services.cli.commands import jobs
from services.cli.commands.stack import reporter, say
from services.cli.settings import CliSettings
from services.cli.stack.embedded import Stack
from services.cli.stack.process import undisturbed
from services.shared.config import load
from services.shared.errors import InvalidRequest

# Who speaks what on the bundled recording; NOTICE.md beside it says where it is from.
BUNDLED_CHANNELS: Final[tuple[ChannelSpec, ...]] = (
    {"role": "agent", "source_language": "en", "target_language": "pt-BR"},
    {"role": "customer", "source_language": "pt-BR", "target_language": "en"},
)


def demo(
    call: Annotated[Path | None, typer.Argument(help="Your own recording; a bundled one otherwise.")] = None,
    source: Annotated[str | None, typer.Option("--from", help="Language spoken in it, such as en.")] = None,
    target: Annotated[str | None, typer.Option("--to", help="Language wanted, such as pt-BR.")] = None,
) -> None:
    """Translate a call on this machine: starts the stack, shows all there is to see, stops it again."""
    spec = spec_for(call, source, target)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda number, _frame: sys.exit(128 + number))
    settings = load(CliSettings)
    console = Console()
    with running(Stack(settings), console), contextlib.ExitStack() as opened:
        file = call or opened.enter_context(resources.as_file(resources.files(__package__) / "call.wav"))
        _translate(
            opened.enter_context(connect(settings, SUBMIT_RETRIES)), file, spec, settings.home, console
        )


def spec_for(call: Path | None, source: str | None, target: str | None) -> JobSpec:
    """Return the job spec for the bundled call, or for the user's own.

    Raises:
        InvalidRequest: the user's call is not there, or its languages are not named.
    """
    if call is None:
        return {"kind": "speech_translation", "channels": list(BUNDLED_CHANNELS)}
    if not call.is_file():
        raise InvalidRequest(f"There is no file {call}.", code="file_not_found")
    if not source or not target:
        raise InvalidRequest(
            "Name the languages of your call with --from and --to (FROM and TO of `make demo`).",
            code="languages_missing",
        )
    return {"kind": "speech_translation", "source_language": source, "target_language": target}


@contextlib.contextmanager
def running(stack: Stack, console: Console) -> Iterator[None]:
    """Have the stack up; stop it afterwards, come what may, unless it was up before."""
    say(console, "Starting the stack", style="bold")
    started = stack.up(reporter(console))
    try:
        yield
    finally:
        if started:
            with undisturbed():
                say(console, "Stopping the stack", style="bold")
                stack.down(reporter(console))


def _translate(gateway: Dragoman, file: Path, spec: JobSpec, home: Path, console: Console) -> None:
    console.print(f"Translating {file.name}", style="bold")
    job = gateway.jobs.submit(spec, file=file)
    job = jobs.require_success(watching.watch(gateway, job.id, console))
    console.print()
    jobs.show(gateway, job, console)
    console.print()
    console.print("Files", style="bold")
    jobs.list_files(gateway.jobs.download_all(job, home / "demo" / job.id), console)
