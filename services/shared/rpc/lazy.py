"""What a server has only after its model was loaded."""

from __future__ import annotations

from typing import Generic, TypeVar

from services.shared.errors import Unavailable

T = TypeVar("T")


class Lazy(Generic[T]):
    """The loaded core, once it is there."""

    def __init__(self) -> None:
        self._value: T | None = None

    def set(self, value: T) -> None:
        """Provide the core."""
        self._value = value

    def __call__(self) -> T:
        """Return the core.

        Raises:
            Unavailable: with code model_loading, until it is there.
        """
        if self._value is None:
            raise Unavailable("The model is still loading; try again shortly.", code="model_loading")
        return self._value
