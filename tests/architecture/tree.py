"""The checkout as data: its files, its Python modules and their functions."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """A Python file that holds something.

    Attributes:
        path: Relative to the checkout.
        text: Its source.
        syntax: The source parsed.
    """

    path: Path
    text: str
    syntax: ast.Module

    @property
    def name(self) -> str:
        """Dotted name, such as "services.asr.core"."""
        return ".".join(self.path.with_suffix("").parts)

    def functions(self) -> Iterator[Function]:
        """Yield every function, methods and inner ones as well."""
        for node in ast.walk(self.syntax):
            if isinstance(node, Function):
                yield node


@cache
def files() -> tuple[Path, ...]:
    """Return every file that belongs to the checkout, relative to it: tracked, or new and not ignored."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    paths = (Path(name) for name in sorted(set(listed.split("\0"))) if name)
    return tuple(path for path in paths if (ROOT / path).is_file())


@cache
def texts() -> dict[Path, str]:
    """Return the content of every text file."""
    contents = {path: (ROOT / path).read_bytes() for path in files()}
    return {path: content.decode() for path, content in contents.items() if b"\0" not in content}


@cache
def modules(top: str) -> tuple[Module, ...]:
    """Return the modules below a folder that are not empty, such as those of "services"."""
    found = {
        path: text for path, text in texts().items() if path.suffix == ".py" and path.is_relative_to(top)
    }
    return tuple(Module(path, text, ast.parse(text)) for path, text in found.items() if text)


def matches(pattern: str) -> list[str]:
    """Return "file:line: match" for every match of a regular expression in the checkout's text files."""
    expression = re.compile(pattern)
    return [
        f"{path}:{number}: {match.group()}"
        for path, text in texts().items()
        for number, line in enumerate(text.splitlines(), 1)
        for match in expression.finditer(line)
    ]
