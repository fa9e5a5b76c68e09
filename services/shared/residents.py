"""The engines of one model server: loaded when needed, let go when not, exchanged at run time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar, cast

from services.shared import telemetry
from services.shared.engines import Model, Reference
from services.shared.errors import Conflict, NotFound

E = TypeVar("E")
D = TypeVar("D")
D_co = TypeVar("D_co", covariant=True)


class Trade(Protocol[E, D_co]):
    """What a room does with an engine."""

    def load(self, reference: Reference) -> E:
        """Load it.

        Raises:
            Misconfigured: there is no such engine, or its packages or its model are not here.
        """
        ...

    def prove(self, engine: E) -> None:
        """See it work once.

        Raises:
            InternalError: it does not (self_test_failed).
        """
        ...

    def describe(self, engine: E) -> D_co:
        """Return what is to be known of it also while it is not loaded."""
        ...

    def model_of(self, engine: E) -> Model:
        """Return its model."""
        ...

    def close(self, engine: E) -> None:
        """Free what only it can free."""
        ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many engines stay in memory.

    Attributes:
        idle_s: An engine that nobody used for so long is let go, but for the first; 0 keeps all.
        memory_bytes: All weights together, as they lie on disk; what was not used for the longest time goes
            first, before another one is loaded. What is in use stays, whatever the bound, and so does the
            first. While a model is exchanged both lie in memory. 0 is no bound.
    """

    idle_s: float = 0.0
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Status(Generic[D]):
    """What is known of an engine.

    Attributes:
        reference: Its name in the settings.
        model: Which weights.
        description: What the room wants to know of it.
        loaded: Whether it is in memory.
        calls: That use it now.
    """

    reference: Reference
    model: Model
    description: D
    loaded: bool
    calls: int


@dataclass(slots=True, eq=False)
class _Resident(Generic[E, D]):
    """An engine's place; `engine` is None while it is not loaded.

    Loading holds its own lock, so that one engine that loads keeps no call of another one waiting.
    """

    reference: Reference
    model: Model
    description: D
    engine: E | None
    used_s: float
    calls: int = 0
    leaving: bool = False
    loading: threading.Lock = field(default_factory=threading.Lock)


class Residents(Generic[E, D]):
    """Engines in order of preference; every method may be called from several threads at once.

    All are loaded once and seen at work before a server says that it serves, so that what it can do is known
    and true; those beyond the bounds are let go then. The next call that needs one loads it again, and sees
    it work again: its files may have changed.

    Args:
        references: What to hold, the first being the default.
        trade: The room's ways with an engine.
        bounds: How many stay in memory.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        references: Sequence[Reference],
        trade: Trade[E, D],
        bounds: Bounds = Bounds(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._trade = trade
        self._bounds = bounds
        self._clock = clock
        self._lock = threading.Lock()
        self._switching = threading.Lock()
        self._residents: list[_Resident[E, D]] = []
        # What took the place of those that are no more.
        self._successors: dict[Reference, Reference] = {}
        for reference in references:
            self._residents.append(self._settled(reference))
            self.sweep()

    @property
    def statuses(self) -> tuple[Status[D], ...]:
        """All engines, in order of preference."""
        with self._lock:
            return tuple(_status(each) for each in self._residents)

    @contextmanager
    def use(self, reference: Reference | None = None) -> Iterator[E]:
        """Hold an engine, loading it first if it was let go; the first where none is named.

        One that was exchanged after the caller had chosen it is followed to what took its place.

        Raises:
            NotFound: there never was one of that name (unknown_engine).
            DragomanError: it was let go, and what loading and proving it again raise.
        """
        resident = self._enter(reference)
        try:
            self.sweep()  # room for it, should it have to be loaded
            yield self._loaded(resident)
        finally:
            self._leave(resident)
            self.sweep()

    def switch(self, reference: Reference, replacement: Reference) -> Status[D]:
        """Load an engine and see it work, then give it another one's place in the order.

        Calls that use the old one end with it; it is let go after the last. An engine may replace itself, to
        read its files again. Exchanges take turns.

        Raises:
            NotFound: the first is not among the engines (unknown_engine).
            Conflict: the second is already among the others (engine_twice).
            DragomanError: what loading and proving raise; nothing has changed then.
        """
        with self._switching:  # nobody else changes the list
            at = self._place_for(reference, replacement)
            fresh = self._settled(replacement)
            with self._lock:
                old, self._residents[at] = self._residents[at], fresh
                old.leaving = True
                self._successors[reference] = replacement
        self._release(old)
        self.sweep()
        telemetry.logger().info("model switched", engine=fresh.reference.engine, model=fresh.model.name)
        return _status(fresh)

    def sweep(self) -> None:
        """Let engines go that nobody used for long, or for which there is no room; call it now and then."""
        for resident in self._dispensable():
            self._release(resident)

    def _settled(self, reference: Reference) -> _Resident[E, D]:
        engine = self._trade.load(reference)
        try:
            self._trade.prove(engine)
            model, description = self._trade.model_of(engine), self._trade.describe(engine)
        except BaseException:
            self._trade.close(engine)
            raise
        return _Resident(reference, model, description, engine, self._clock())

    def _place_for(self, reference: Reference, replacement: Reference) -> int:
        held = [each.reference for each in self._residents]
        if reference not in held:
            raise _unknown(reference)
        if replacement != reference and replacement in held:
            raise Conflict(f"{replacement} is among the engines already.", code="engine_twice")
        return held.index(reference)

    def _found(self, reference: Reference | None) -> _Resident[E, D]:
        if reference is None:
            return self._residents[0]
        # Each step leads to what came later, so that it ends.
        by_reference = {each.reference: each for each in self._residents}
        while reference not in by_reference:
            if reference not in self._successors:
                raise _unknown(reference)
            reference = self._successors[reference]
        return by_reference[reference]

    def _enter(self, reference: Reference | None) -> _Resident[E, D]:
        with self._lock:
            resident = self._found(reference)
            resident.calls += 1
            return resident

    def _loaded(self, resident: _Resident[E, D]) -> E:
        with resident.loading:
            if resident.engine is None:
                fresh = self._settled(resident.reference)
                with self._lock:
                    resident.engine = fresh.engine
                    resident.model, resident.description = fresh.model, fresh.description
                telemetry.logger().info("model loaded", model=resident.model.name)
            return cast("E", resident.engine)

    def _leave(self, resident: _Resident[E, D]) -> None:
        with self._lock:
            resident.calls -= 1
            resident.used_s = self._clock()
        if resident.leaving:
            self._release(resident)

    def _dispensable(self) -> list[_Resident[E, D]]:
        """Return the engines to be let go, the longest unused first."""
        with self._lock:
            # What is in use but not loaded is being loaded.
            held = [each for each in self._residents if each.engine is not None or each.calls]
            idle = sorted((each for each in held if self._is_idle(each)), key=lambda each: each.used_s)
            total = sum(each.model.size_bytes for each in held)
            going = []
            for each in idle:
                old = self._bounds.idle_s and self._clock() - each.used_s >= self._bounds.idle_s
                if old or (self._bounds.memory_bytes and total > self._bounds.memory_bytes):
                    going.append(each)
                    total -= each.model.size_bytes
            return going

    def _is_idle(self, resident: _Resident[E, D]) -> bool:
        # The first answers most calls; it leaves only when it is exchanged.
        return resident is not self._residents[0] and not resident.calls

    def _release(self, resident: _Resident[E, D]) -> None:
        """Free an engine unless somebody has come to use it meanwhile."""
        with resident.loading:
            with self._lock:
                if resident.calls or resident.engine is None:
                    return
                engine, resident.engine = resident.engine, None
            try:
                self._trade.close(engine)
            except Exception as error:  # noqa: BLE001 - the call that ends here went well
                telemetry.logger().exception("model did not close", error=type(error).__name__)
            telemetry.logger().info("model let go", model=resident.model.name)


def _status(resident: _Resident[E, D]) -> Status[D]:
    return Status(
        resident.reference,
        resident.model,
        resident.description,
        resident.engine is not None,
        resident.calls,
    )


def _unknown(reference: Reference) -> NotFound:
    return NotFound(f"{reference} is not among the engines of this server.", code="unknown_engine")
