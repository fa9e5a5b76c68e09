"""Admission runs as many calls as it has slots, lets a few wait, and sends the rest away."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from services.shared import telemetry
from services.shared.batching import URGENCY, Batcher, Limits, Urgency
from services.shared.errors import InvalidRequest, Overloaded, Timeout
from services.shared.rpc.admission import CALL, Admission, Call
from tests.support.waiting import becomes


class Busy:
    """Work that lasts until the test ends it, and counts how much of it runs at once."""

    def __init__(self) -> None:
        self.end = threading.Event()
        self.now = 0
        self.most = 0
        self._lock = threading.Lock()

    def __call__(self, _cancelled: Callable[[], bool]) -> str:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.end.wait(60)
        with self._lock:
            self.now -= 1
        return "done"


@pytest.mark.parametrize(("slots", "queue"), [(1, 0), (2, 3), (4, 1)])
async def test_no_more_runs_than_there_are_slots_and_no_more_waits_than_may(slots: int, queue: int) -> None:
    admission, busy = Admission(slots, queue), Busy()
    admitted = [asyncio.create_task(admission.run(busy)) for _ in range(slots + queue)]
    await becomes(lambda: admission.admitted == slots + queue and busy.now == slots)
    for _ in range(5):
        with pytest.raises(Overloaded):
            await admission.run(busy)
    busy.end.set()
    assert await asyncio.gather(*admitted) == ["done"] * (slots + queue)
    assert busy.most == slots
    await becomes(lambda: admission.admitted == 0)
    admission.close()


async def test_the_time_in_a_slot_is_counted_without_the_wait_for_it() -> None:
    admission, spans = Admission(1, 1), list[tuple[float, float]]()
    first_may_end = threading.Event()

    def work(_cancelled: Callable[[], bool]) -> None:
        began_s = time.monotonic()
        first_may_end.wait(60)
        spans.append((began_s, time.monotonic()))

    async def serve(call: Call) -> float:
        CALL.set(call)
        await admission.run(work)
        return time.monotonic()

    calls = [Call("/one"), Call("/two")]
    serving = [asyncio.create_task(serve(call)) for call in calls]
    await becomes(lambda: admission.admitted == 2)
    # As long as the second call waits here, so much less was its time in the slot.
    await asyncio.to_thread(time.sleep, 0.5)
    first_may_end.set()
    ended_s = await asyncio.gather(*serving)
    for call, (began_s, worked_s), end_s in zip(calls, spans, ended_s, strict=True):
        assert worked_s - began_s <= call.served_s <= end_s - spans[0][0]
    assert calls[1].served_s <= ended_s[1] - spans[0][1]
    admission.close()


async def test_all_work_of_a_call_is_counted_together() -> None:
    admission, call = Admission(1, 0), Call()
    CALL.set(call)
    counted = [call.served_s]
    for _ in range(3):
        await admission.run(lambda _cancelled: time.sleep(0.001))
        counted.append(call.served_s)
    assert counted == sorted(set(counted))
    assert counted[0] == 0
    assert counted[-1] >= 0.003
    admission.close()


async def test_work_is_told_when_its_caller_leaves_and_keeps_its_slot_until_it_ends() -> None:
    admission, told, end = Admission(1, 0), threading.Event(), threading.Event()

    def work(cancelled: Callable[[], bool]) -> None:
        while not end.wait(0.01):
            if cancelled():
                told.set()

    task = asyncio.create_task(admission.run(work))
    await becomes(lambda: admission.admitted)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await becomes(told.is_set)
    assert admission.admitted == 1
    with pytest.raises(Overloaded):
        await admission.run(work)
    end.set()
    await becomes(lambda: admission.admitted == 0)
    admission.close()


async def test_waiting_work_whose_caller_leaves_never_runs() -> None:
    admission, busy, ran = Admission(1, 1), Busy(), list[bool]()
    first = asyncio.create_task(admission.run(busy))
    await becomes(lambda: busy.now == 1)
    second = asyncio.create_task(admission.run(lambda _cancelled: ran.append(True)))
    await becomes(lambda: admission.admitted == 2)
    second.cancel()
    await becomes(lambda: admission.admitted == 1)
    third = asyncio.create_task(admission.run(busy))
    await becomes(lambda: admission.admitted == 2)
    busy.end.set()
    await asyncio.gather(first, third)
    assert ran == []
    admission.close()


async def test_waiting_work_whose_deadline_passes_never_runs() -> None:
    """Also when nobody has told the server yet that the caller has gone."""
    admission, busy, ran = Admission(1, 1), Busy(), list[bool]()
    first = asyncio.create_task(admission.run(busy))
    await becomes(lambda: busy.now == 1)
    ends_s = time.monotonic() + 0.05
    CALL.set(Call("method", ends_s))
    second = asyncio.create_task(admission.run(lambda _cancelled: ran.append(True)))
    await becomes(lambda: admission.admitted == 2 and time.monotonic() > ends_s)
    busy.end.set()
    await first
    with pytest.raises(Timeout):
        await second
    assert ran == []
    admission.close()


def cancels(method: str) -> tuple[float, float]:
    """Return how many cancelled calls of a method were timed, and their seconds altogether."""
    found = [
        telemetry.REGISTRY.get_sample_value(f"dragoman_cancel_seconds_{each}", {"method": method})
        for each in ("count", "sum")
    ]
    return found[0] or 0.0, found[1] or 0.0


async def test_the_time_from_a_cancel_to_a_free_slot_is_measured() -> None:
    admission, busy, method = Admission(1, 1), Busy(), "/measured"
    CALL.set(Call(method))
    left = asyncio.create_task(admission.run(busy))
    await becomes(lambda: busy.now == 1)
    waiting = asyncio.create_task(admission.run(busy))
    await becomes(lambda: admission.admitted == 2)
    waiting.cancel()
    began_s = time.monotonic()
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await left
    assert cancels(method)[0] == 0, "the model is not free yet"
    least_s = time.monotonic() + 0.1
    await becomes(lambda: time.monotonic() > least_s)
    busy.end.set()
    await becomes(lambda: cancels(method)[0] == 1)
    assert 0.1 < cancels(method)[1] < time.monotonic() - began_s
    admission.close()


async def test_work_that_nobody_cancels_is_not_measured() -> None:
    admission = Admission(1, 0)
    CALL.set(Call("/finished"))
    assert await admission.run(lambda _cancelled: "done") == "done"
    await becomes(lambda: admission.admitted == 0)
    assert cancels("/finished") == (0, 0)
    admission.close()


async def test_work_that_fails_gives_its_slot_back() -> None:
    def fail(_cancelled: Callable[[], bool]) -> None:
        raise InvalidRequest("It cannot be done.")

    admission = Admission(1, 0)
    for _ in range(3):
        with pytest.raises(InvalidRequest):
            await admission.run(fail)
        await becomes(lambda: admission.admitted == 0)
    admission.close()


async def test_closing_lets_what_runs_end() -> None:
    admission, busy = Admission(1, 1), Busy()
    first = asyncio.create_task(admission.run(busy))
    await becomes(lambda: busy.now == 1)
    second = asyncio.create_task(admission.run(busy))
    await becomes(lambda: admission.admitted == 2)
    admission.close()
    busy.end.set()
    assert await first == "done"
    with pytest.raises(asyncio.CancelledError):
        await second


async def holds(admission: Admission, calls: int) -> None:
    await becomes(lambda: admission.admitted == calls)


async def asked(
    admission: Admission, urgency: Urgency, work: Callable[[Callable[[], bool]], object]
) -> object:
    """Run work as an interceptor does that has read how urgent the call is."""
    URGENCY.set(urgency)
    return await admission.run(work)


async def test_the_most_urgent_of_the_waiting_goes_first_then_the_oldest() -> None:
    admission, busy, order = Admission(1, 6), Busy(), list[int]()
    plug = asyncio.create_task(admission.run(busy))
    await becomes(lambda: busy.now == 1)
    urgencies = [1, 3, 2, 1, 3, 2]
    waiting = []
    for number, urgency in enumerate(urgencies):
        work = partial(lambda number, _cancelled: order.append(number), number)
        waiting.append(asyncio.create_task(asked(admission, Urgency(urgency), work)))
        await holds(admission, number + 2)
    busy.end.set()
    await asyncio.gather(plug, *waiting)
    assert order == [1, 4, 2, 5, 0, 3]
    admission.close()


async def test_a_more_urgent_call_takes_the_last_place_of_a_full_queue() -> None:
    admission, busy = Admission(1, 2), Busy()
    running = asyncio.create_task(admission.run(busy))
    await becomes(lambda: busy.now == 1)
    queued = []
    for number in range(2):
        queued.append(asyncio.create_task(asked(admission, Urgency.BATCH, busy)))
        await holds(admission, number + 2)
    live = asyncio.create_task(asked(admission, Urgency.LIVE, busy))
    with pytest.raises(Overloaded):
        await queued[1]
    assert admission.admitted == 3
    for urgency in (Urgency.BATCH, Urgency.INTERACTIVE):
        if urgency is Urgency.INTERACTIVE:
            queued.append(asyncio.create_task(asked(admission, urgency, busy)))
            with pytest.raises(Overloaded):
                await queued[0]
        else:
            with pytest.raises(Overloaded):
                await asked(admission, urgency, busy)
    with pytest.raises(Overloaded):
        await asked(admission, Urgency.INTERACTIVE, busy)
    busy.end.set()
    assert list(await asyncio.gather(running, live, queued[2])) == ["done"] * 3
    await becomes(lambda: admission.admitted == 0)
    admission.close()


async def test_calls_share_slots_and_tell_how_many_slots_there_are() -> None:
    admission, busy = Admission(2, 1, batch=3), Busy()
    calls = [asyncio.create_task(admission.run(busy)) for _ in range(7)]
    await becomes(lambda: busy.now == 6)
    assert admission.slots == 2
    assert telemetry.REGISTRY.get_sample_value("dragoman_slots") == 2
    assert telemetry.REGISTRY.get_sample_value("dragoman_waiting_calls") == 1
    with pytest.raises(Overloaded):
        await admission.run(busy)
    busy.end.set()
    await asyncio.gather(*calls)
    admission.close()


async def test_a_call_that_shares_its_slot_is_charged_its_share() -> None:
    go, size = threading.Event(), 4

    def run(items: Sequence[int], _cancelled: Callable[[], bool]) -> Sequence[int]:
        assert go.wait(60)
        return items

    admission, batcher = (
        Admission(1, 0, batch=size),
        Batcher(run, Limits(size, 60_000), lambda _item: 0, "test"),
    )
    calls = [Call() for _ in range(size)]

    async def serve(number: int) -> int:
        CALL.set(calls[number])
        return await admission.run(partial(batcher.submit, number))

    before_s = time.monotonic()
    serving = [asyncio.create_task(serve(number)) for number in range(size)]
    await becomes(lambda: admission.admitted == size)
    await asyncio.to_thread(time.sleep, 0.1)
    go.set()
    assert await asyncio.gather(*serving) == list(range(size))
    elapsed_s = time.monotonic() - before_s
    served_s = [call.served_s for call in calls]
    assert sum(served_s) <= elapsed_s, "together they held one slot"
    assert max(served_s) - min(served_s) < elapsed_s / size, "each its share"
    batcher.close()
    admission.close()


async def test_a_call_that_waits_for_its_batch_gives_its_place_back_as_soon_as_its_caller_leaves() -> None:
    begun, go = threading.Event(), threading.Event()

    def run(items: Sequence[int], _cancelled: Callable[[], bool]) -> Sequence[int]:
        begun.set()
        assert go.wait(60)
        return items

    admission, batcher = Admission(1, 0, batch=2), Batcher(run, Limits(1), lambda _item: 0, "test")
    first = asyncio.create_task(admission.run(partial(batcher.submit, 1)))
    await becomes(begun.is_set)
    second = asyncio.create_task(admission.run(partial(batcher.submit, 2)))
    await becomes(lambda: admission.admitted == 2 and batcher._waiting)
    second.cancel()
    await becomes(lambda: admission.admitted == 1)
    third = asyncio.create_task(admission.run(partial(batcher.submit, 3)))
    await becomes(lambda: admission.admitted == 2)
    go.set()
    assert list(await asyncio.gather(first, third)) == [1, 3]
    batcher.close()
    admission.close()


async def test_a_call_and_what_it_carries_are_forgotten_when_it_has_ended() -> None:
    class Recording:
        """Stands for much memory."""

    admission, recording = Admission(1, 1), Recording()
    kept = weakref.ref(recording)
    gc.collect()
    gc.disable()
    try:
        await admission.run(partial(lambda _recording, _cancelled: None, recording))
        del recording
        await becomes(lambda: kept() is None)
    finally:
        gc.enable()
    admission.close()
