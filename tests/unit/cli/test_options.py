"""Commands whose options are a dataclass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from services.cli.options import command


@dataclass(frozen=True, slots=True)
class Greeting:
    """Options of a command."""

    name: Annotated[str, typer.Argument(help="Whom to greet.")] = "you"
    times: Annotated[int, typer.Option(help="How often.")] = 1


def greet(greeting: Greeting) -> None:
    """Greet somebody."""
    typer.echo(f"hello {greeting.name} " * greeting.times)


def run(*arguments: str) -> str:
    app = typer.Typer()
    app.command()(command(greet, Greeting))
    return CliRunner().invoke(app, list(arguments)).output


def test_fields_are_options_and_keep_their_defaults() -> None:
    assert run().strip() == "hello you"
    assert run("Ana", "--times", "2").strip() == "hello Ana hello Ana"


def test_help_is_the_docstring_and_the_help_of_each_field() -> None:
    shown = run("--help")
    assert all(text in shown for text in ("Greet somebody.", "Whom to greet.", "How often."))


def test_a_value_of_the_wrong_type_is_a_usage_error() -> None:
    assert "Invalid value for '--times'" in run("Ana", "--times", "often")
