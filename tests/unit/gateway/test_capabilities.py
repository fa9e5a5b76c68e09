"""What is remembered of the model services."""

from __future__ import annotations

import pytest

from services.gateway.capabilities import Remembered
from services.shared.errors import Unavailable


class Service:
    """Answers with how often it was asked, unless it is away."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False

    def __call__(self) -> int:
        self.asked += 1
        if self.away:
            raise Unavailable("The service is away.", code="model_loading")
        return self.asked


class Clock:
    """A clock that a test sets."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def remembered(service: Service, clock: Clock) -> Remembered[int]:
    return Remembered(service, fresh_s=30, clock=clock)


def test_a_fresh_answer_is_not_asked_for_again(remembered: Remembered[int], clock: Clock) -> None:
    assert remembered() == 1
    clock.now_s = 29
    assert remembered() == 1
    clock.now_s = 30
    assert remembered() == 2


def test_an_old_answer_is_better_than_none(
    remembered: Remembered[int], service: Service, clock: Clock
) -> None:
    assert remembered() == 1
    service.away, clock.now_s = True, 31
    assert remembered() == 1
    service.away, clock.now_s = False, 40
    assert remembered() == 3


def test_a_service_that_never_answered_is_unavailable(remembered: Remembered[int], service: Service) -> None:
    service.away = True
    with pytest.raises(Unavailable) as caught:
        remembered()
    assert caught.value.code == "model_loading"


def test_a_service_that_is_away_is_not_asked_at_every_request(
    remembered: Remembered[int], service: Service, clock: Clock
) -> None:
    service.away = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            remembered()
    assert service.asked == 1
    service.away, clock.now_s = False, 2
    assert remembered() == 2
