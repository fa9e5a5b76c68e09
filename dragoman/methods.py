"""Makes methods of flows: the same list of them for both clients."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Generic, ParamSpec, TypeVar, overload

from dragoman.drivers import Awaiting, Blocking
from dragoman.effects import Flow, Stream

P = ParamSpec("P")
T = TypeVar("T")
Driver = TypeVar("Driver", bound=Blocking | Awaiting)


class Resource(Generic[Driver]):
    """A group of calls, run by a driver."""

    def __init__(self, driver: Driver) -> None:
        self.driver: Driver = driver


class call(Generic[P, T]):  # noqa: N801 (reads as a decorator does)
    """A method of a Resource whose logic is a flow: it blocks or awaits as the resource's driver does."""

    def __init__(self, flow: Callable[P, Flow[T]]) -> None:
        self._flow = flow
        self.__doc__ = flow.__doc__

    @overload
    def __get__(self, on: Resource[Blocking], owner: Any = None) -> Callable[P, T]: ...

    @overload
    def __get__(self, on: Resource[Awaiting], owner: Any = None) -> Callable[P, Coroutine[Any, Any, T]]: ...

    @overload
    def __get__(self, on: None, owner: Any = None) -> call[P, T]: ...

    def __get__(self, on: Any, owner: Any = None) -> Any:
        """Return the method as it is called on an instance."""
        return self if on is None else _bound(self._flow, on.driver.run)


class each(Generic[P, T]):  # noqa: N801 (reads as a decorator does)
    """A method of a Resource that iterates, or iterates asynchronously, over what a flow emits."""

    def __init__(self, flow: Callable[P, Stream[T]]) -> None:
        self._flow = flow
        self.__doc__ = flow.__doc__

    @overload
    def __get__(self, on: Resource[Blocking], owner: Any = None) -> Callable[P, Iterator[T]]: ...

    @overload
    def __get__(self, on: Resource[Awaiting], owner: Any = None) -> Callable[P, AsyncIterator[T]]: ...

    @overload
    def __get__(self, on: None, owner: Any = None) -> each[P, T]: ...

    def __get__(self, on: Any, owner: Any = None) -> Any:
        """Return the method as it is called on an instance."""
        return self if on is None else _bound(self._flow, on.driver.each)


def _bound(flow: Callable[..., Any], run: Callable[[Any], Any]) -> Callable[..., Any]:
    @functools.wraps(flow)
    def method(*arguments: Any, **named: Any) -> Any:
        return run(flow(*arguments, **named))

    return method
