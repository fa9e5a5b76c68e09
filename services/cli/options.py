"""Commands whose options are the fields of a frozen dataclass."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, get_type_hints

Options = TypeVar("Options")


def command(run: Callable[[Options], None], options: type[Options]) -> Callable[..., None]:
    """Return `run` as a function that typer reads the options of.

    Typer takes a command's options from a function's parameters; a dozen of them belong in a dataclass.

    Args:
        run: The command; its docstring is the help text.
        options: A dataclass whose fields are annotated with typer.Argument or typer.Option; one without a
            default must be given.
    """

    def take(**values: Any) -> None:
        run(options(**values))

    hints = get_type_hints(options, include_extras=True)
    signature = inspect.Signature(
        [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default,
                annotation=hints[field.name],
            )
            for field in dataclasses.fields(options)  # type: ignore[arg-type]  # TypeVars cannot say "a dataclass"
        ]
    )
    take.__signature__ = signature  # type: ignore[attr-defined]  # inspect's own hook, unknown to mypy
    take.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    take.__doc__ = run.__doc__
    return take
