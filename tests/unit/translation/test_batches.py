"""Sentences of several calls in one batch."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.shared.batching import URGENCY, Urgency
from services.shared.errors import Cancelled, Unavailable
from services.translation.engines.base import Context
from services.translation.engines.batches import Batched
from services.translation.engines.trade import alone
from services.translation.languages import Pair
from tests.support.waiting import until
from tests.unit.translation.marking import Informed, Marking

EN_PT, EN_ES = Pair("en", "pt"), Pair("en", "es")


class Gated(Marking):
    """Works when the test lets it, and keeps its batches."""

    def __init__(self, batch: int = 16) -> None:
        super().__init__("gated", "en-pt en-es", batch)
        self.batches: list[list[str]] = []
        self.entered = threading.Semaphore(0)
        self.opened = threading.Event()

    def translate(self, texts: Sequence[str], pair: Pair) -> list[str]:
        self.batches.append(list(texts))
        self.entered.release()
        self.opened.wait()
        return super().translate(texts, pair)


class GatedInformed(Gated):
    """The same with a use for context."""

    def translate_in(self, texts: Sequence[str], pair: Pair, _context: Context) -> list[str]:
        return self.translate(texts, pair)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as made:
        yield made


def waiting(batched: Batched) -> int:
    return len(batched._batcher._waiting)


def test_calls_that_wait_together_go_together_by_pair_and_length(pool: ThreadPoolExecutor) -> None:
    engine = Gated()
    batched = Batched(engine)
    first = pool.submit(batched.translate, ["One."], EN_PT)
    engine.entered.acquire()
    calls = [
        pool.submit(batched.translate, [text], pair)
        for text, pair in (
            ("Two.", EN_PT),
            ("A sentence that is a good deal longer.", EN_PT),
            ("Six.", EN_ES),
            ("Ten.", EN_PT),
        )
    ]
    until(lambda: waiting(batched) == 4)
    engine.opened.set()
    assert first.result() == ["One_pt."]
    assert [call.result() for call in calls] == [
        ["Two_pt."],
        ["A_pt sentence_pt that_pt is_pt a_pt good_pt deal_pt longer_pt."],
        ["Six_es."],
        ["Ten_pt."],
    ]
    assert sorted(map(sorted, engine.batches)) == sorted(
        [["One."], ["Ten.", "Two."], ["A sentence that is a good deal longer."], ["Six."]]
    )
    batched.close()


def test_what_two_callers_say_never_goes_together_where_it_is_context(pool: ThreadPoolExecutor) -> None:
    engine = GatedInformed()
    batched = Batched(engine)
    first = pool.submit(batched.translate, ["One."], EN_PT)
    engine.entered.acquire()
    calls = [pool.submit(batched.translate, texts, EN_PT) for texts in (["Two.", "A longer one."], ["Ten."])]
    until(lambda: waiting(batched) == 3)
    engine.opened.set()
    for call in (first, *calls):
        call.result()
    assert sorted(engine.batches) == [["One."], ["Ten."], ["Two.", "A longer one."]]
    batched.close()


def test_live_goes_before_batch(pool: ThreadPoolExecutor) -> None:
    engine = Gated(batch=1)
    batched = Batched(engine)

    def say(text: str, urgency: Urgency) -> None:
        URGENCY.set(urgency)
        batched.translate([text], EN_PT)

    first = pool.submit(say, "First.", Urgency.BATCH)
    engine.entered.acquire()
    second = pool.submit(say, "Batch.", Urgency.BATCH)
    until(lambda: waiting(batched) == 1)
    third = pool.submit(say, "Live.", Urgency.LIVE)
    until(lambda: waiting(batched) == 2)
    engine.opened.set()
    for call in (first, second, third):
        call.result()
    assert engine.batches == [["First."], ["Live."], ["Batch."]]
    batched.close()


def test_a_call_that_went_away_leaves_before_its_turn(pool: ThreadPoolExecutor) -> None:
    engine = Gated(batch=1)
    batched = Batched(engine)
    gone = threading.Event()
    first = pool.submit(batched.translate, ["First."], EN_PT)
    engine.entered.acquire()
    second = pool.submit(batched.translate, ["Gone."], EN_PT, cancelled=gone.is_set)
    until(lambda: waiting(batched) == 1)
    gone.set()
    engine.opened.set()
    assert first.result() == ["First_pt."]
    with pytest.raises(Cancelled):
        second.result()
    assert engine.batches == [["First."]]
    batched.close()


def test_calls_take_turns_sentence_by_sentence_where_an_engine_takes_one_at_a_time(
    pool: ThreadPoolExecutor,
) -> None:
    engine = Gated(batch=1)
    batched = Batched(engine)
    long = pool.submit(batched.translate, ["Long one.", "Long two.", "Long three."], EN_PT)
    engine.entered.acquire()
    short = pool.submit(batched.translate, ["Short."], EN_PT)
    until(lambda: waiting(batched) == 1)
    engine.opened.set()
    assert long.result() == ["Long_pt one_pt.", "Long_pt two_pt.", "Long_pt three_pt."]
    assert short.result() == ["Short_pt."]
    assert engine.batches.index(["Short."]) < engine.batches.index(["Long three."])
    batched.close()


def test_a_failure_of_an_engine_with_context_fails_its_call_once() -> None:
    engine = Informed("a", "en-pt")
    batched = Batched(engine)
    engine.error = Unavailable("away")
    with pytest.raises(Unavailable):
        batched.translate(["One.", "Two."], EN_PT)
    assert len(engine.told) == 1
    batched.close()


def test_an_engine_that_is_let_go_ends_its_threads() -> None:
    def serving() -> int:
        return sum(thread.name.startswith("translation-batch") for thread in threading.enumerate())

    before = serving()
    with alone(Marking("a", "en-pt")).use() as held:
        assert serving() == before + 1
        held.close()
    assert serving() == before
