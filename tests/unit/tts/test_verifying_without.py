"""What becomes of speech that nobody can hear: it is kept and flagged, or waits for a busy recogniser."""

from __future__ import annotations

import asyncio

import grpc
import pytest

from services.shared.errors import Cancelled, Overloaded
from services.shared.leases import Lease
from services.tts import hearing
from tests.support.listener import Listener
from tests.support.verifying import TEXT, Aged, Speaker, hearing_it, speak, unit_of
from tests.support.waiting import becomes

__all__ = ["speak"]

BUSY, AWAY = grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE
UNKNOWN = grpc.StatusCode.INVALID_ARGUMENT


async def test_nobody_listens_unless_the_job_asks(speak: Speaker) -> None:
    document = await speak(Listener([""]), quality="standard")
    assert (document["heard"], document["warnings"]) == (None, [])


@pytest.mark.parametrize("answer", [AWAY, UNKNOWN, None])
async def test_without_a_recogniser_the_speech_is_kept_and_flagged(
    speak: Speaker, answer: grpc.StatusCode | None
) -> None:
    async with hearing_it(answer or "") as listener:
        listener.port = 1 if answer is None else listener.port
        document = await speak(listener)
    assert document["audio"]
    assert (document["heard"], document["warnings"]) == (None, ["not_verified"])


async def test_one_that_is_busy_is_waited_for_and_then_the_unit_waits(
    speak: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "_PATIENCE_S", (0.0, 0.0))
    async with hearing_it(BUSY, BUSY, TEXT) as listener:
        assert (await speak(listener))["heard"]["entities_match"]
    async with hearing_it(BUSY) as listener:
        with pytest.raises(Overloaded):
            await speak(listener)
    assert len(listener.configs) == 3


async def test_who_waits_for_one_that_is_busy_notices_the_end_of_the_unit(
    speak: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "_PATIENCE_S", (60.0,))
    lease = Lease(unit_of({}))
    async with hearing_it(BUSY) as listener:
        waiting = asyncio.ensure_future(speak(listener, lease=lease))
        await becomes(lambda: listener.configs)
        lease.end()
        with pytest.raises(Cancelled):
            await asyncio.wait_for(waiting, 10)


# A call may take 10 s here, and the unit is overdue after 20 s.
@pytest.mark.parametrize(
    ("age_s", "calls", "warning"),
    [(7, 2, "speech_mismatch"), (8, 1, "speech_mismatch"), (16, 0, "not_verified")],
)
async def test_a_unit_that_took_long_is_not_made_overdue_by_being_verified(
    speak: Speaker, age_s: float, calls: int, warning: str
) -> None:
    async with hearing_it("nobody got this") as listener:
        document = await speak(listener, lease=Aged(age_s))
    assert len(listener.configs) == calls
    assert document["warnings"] == [warning]
