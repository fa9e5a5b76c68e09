"""The code stays small, typed and described."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator

import pytest

from tests.architecture.tree import Function, Module, modules

FILE_CAP, FILE_MEDIAN = 400, 120
FUNCTION_CAP, FUNCTION_P95, FUNCTION_MEDIAN = 80, 40, 8
PARAMETER_CAP = 6
TOPS = ("dragoman", "services", "tests")


def lines_of(module: Module) -> int:
    return module.text.count("\n")


def length_of(function: Function) -> int:
    """Lines from `def` to the last one, docstring included, decorators not."""
    assert function.end_lineno is not None
    return function.end_lineno - function.lineno + 1


def parameters_of(function: Function) -> list[ast.arg]:
    """Parameters that a caller gives or that a type is owed for: without self and cls."""
    spec = function.args
    extra = [each for each in (spec.vararg, spec.kwarg) if each is not None]
    named = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, *extra]
    return [each for each in named if each.arg not in {"self", "cls"}]


def every(top: str) -> Iterator[tuple[str, Function]]:
    """Yield every function below a folder with the place where it is."""
    for module in modules(top):
        for function in module.functions():
            yield f"{module.path}:{function.lineno} {function.name}", function


def solid_lines(top: str, *, without: str | None = None) -> int:
    """Count the lines below a folder that are not blank."""
    kept = (each for each in modules(top) if without is None or not each.path.is_relative_to(without))
    return sum(1 for module in kept for line in module.text.splitlines() if line.strip())


@pytest.mark.parametrize("top", TOPS)
def test_no_file_is_longer_than_the_cap(top: str) -> None:
    assert [f"{each.path}: {lines_of(each)}" for each in modules(top) if lines_of(each) > FILE_CAP] == []


@pytest.mark.parametrize("top", TOPS)
def test_the_median_file_is_short(top: str) -> None:
    assert statistics.median(lines_of(each) for each in modules(top)) <= FILE_MEDIAN


@pytest.mark.parametrize("top", TOPS)
def test_no_function_is_longer_than_the_cap(top: str) -> None:
    long = [f"{place}: {length_of(each)}" for place, each in every(top) if length_of(each) > FUNCTION_CAP]
    assert long == []


@pytest.mark.parametrize("top", TOPS)
def test_functions_are_short(top: str) -> None:
    lengths = [length_of(function) for _, function in every(top)]
    assert statistics.median(lengths) <= FUNCTION_MEDIAN
    assert statistics.quantiles(lengths, n=20, method="inclusive")[-1] <= FUNCTION_P95


@pytest.mark.parametrize("top", TOPS)
def test_no_function_takes_too_many_parameters(top: str) -> None:
    assert [place for place, each in every(top) if len(parameters_of(each)) > PARAMETER_CAP] == []


@pytest.mark.parametrize("top", TOPS)
def test_every_function_is_fully_annotated(top: str) -> None:
    bare = [
        place
        for place, function in every(top)
        if function.returns is None or any(each.annotation is None for each in parameters_of(function))
    ]
    assert bare == []


@pytest.mark.parametrize("top", TOPS)
def test_every_module_opens_with_one_sentence(top: str) -> None:
    docstrings = {module.path: ast.get_docstring(module.syntax) or "" for module in modules(top)}
    assert [
        str(path) for path, text in docstrings.items() if not text.partition("\n")[0].endswith((".", "?"))
    ] == []


def test_there_is_a_line_of_tests_for_every_line_of_source() -> None:
    assert solid_lines("tests", without="tests/bench") >= solid_lines("services") + solid_lines("dragoman")
