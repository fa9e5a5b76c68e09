"""`dragoman up`, `down` and `status`: the stack of this machine."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from services.cli.settings import CliSettings
from services.cli.stack import health
from services.cli.stack.autoscaler import Autoscaler
from services.cli.stack.compose import ComposeBackend
from services.cli.stack.embedded import Report, Stack
from services.shared.config import load
from services.shared.errors import Misconfigured


def up(
    autoscale: Annotated[
        bool, typer.Option(help="Let a scaler start and stop further model servers and workers.")
    ] = False,
) -> None:
    """Start the whole stack in the background and wait until it is ready."""
    settings = load(CliSettings)
    console = Console(highlight=False)
    started = Stack(settings, autoscale=autoscale).up(reporter(console))
    console.print(f"{'Ready' if started else 'Already up'} at {settings.base_url}")


def down() -> None:
    """Stop the stack; work in progress gets time to end."""
    console = Console(highlight=False)
    if not Stack(load(CliSettings)).down(reporter(console)):
        console.print("Nothing was running.")


def status() -> None:
    """Show each process of the stack; exits 1 when one of them is not ready."""
    settings = load(CliSettings)
    stack = Stack(settings)
    table = Table("process", "state", "pid", "port", box=None, pad_edge=False)
    all_ready = True
    for component in stack.present():
        own = component.seen_by(settings)
        running = stack.find(component)
        ready = running is not None and health.ready(component, own)
        # A further server may still load its model while all goes well.
        all_ready &= ready or (running is not None and component.number > 1)
        state = "ready" if ready else "starting" if running else "stopped"
        port = getattr(own, component.port_setting) if component.port_setting else ""
        table.add_row(component.name, state, str(running.pid) if running else "", str(port))
    Console(highlight=False).print(table)
    if not all_ready:
        raise typer.Exit(1)


def autoscale(
    compose: Annotated[
        bool, typer.Option("--compose", help="Size the compose project of this folder.")
    ] = False,
) -> None:
    """Size the services of a compose project as the gateway says, until Ctrl-C."""
    settings = load(CliSettings)
    if not compose:
        raise Misconfigured(
            "Add --compose; the stack of this machine is scaled by `dragoman up --autoscale`.",
            code="nothing_to_scale",
        )
    console = Console(highlight=False)
    console.print(f"Asking {settings.base_url} every {settings.autoscale_interval_s:g} s; Ctrl-C ends it.")
    with contextlib.suppress(KeyboardInterrupt):
        Autoscaler(settings, ComposeBackend(settings), reporter(console)).run(threading.Event())


def reporter(console: Console) -> Report:
    """Return a report that prints one line per component, with the seconds since now."""
    begun = time.monotonic()

    def report(name: str, state: str) -> None:
        say(console, f"  {name:<20} {state:<8} {time.monotonic() - begun:5.1f} s")

    return report


def say(console: Console, text: str, style: str | None = None) -> None:
    """Print a line; nothing happens when the terminal is closed or nobody reads the pipe any more."""
    # rich answers a broken pipe with SystemExit, which must not keep a stack from being stopped.
    with contextlib.suppress(OSError, SystemExit):
        console.print(text, style=style)
