"""Faults at random, one after another, each mended after a while."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable

import redis

from tests.faults import broker
from tests.faults.installation import LEASE_S, Installation
from tests.faults.member import Member

# Mean pause between two faults of one source.
_PAUSE_S = 4.0
_LONGEST_S = 2 * LEASE_S
# How often the first copy of a kind is the victim: the others live long enough to show whether they grow.
_FIRST = 0.8


class Chaos(threading.Thread):
    """One source of faults; several may be at work.

    Args:
        installation: What they happen to.
        seed: For every choice.
        over: Ends it; what it broke is mended then.
    """

    _busy: set[str] = set()  # noqa: RUF012 - shared by all sources: nobody breaks what is broken
    _lock = threading.Lock()

    def __init__(self, installation: Installation, seed: int, over: threading.Event) -> None:
        super().__init__(name=f"chaos-{seed}")
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []
        self._installation = installation
        self._random = random.Random(seed)  # noqa: S311 - chooses faults, guards nothing
        self._over = over
        self._faults: tuple[Callable[[Member], str], ...] = (
            self._kill,
            self._kill,
            self._restart,
            self._freeze,
            self._network,
            self._hints,
        )

    def run(self) -> None:
        """Go on until it is over."""
        while not self._over.wait(self._random.expovariate(1 / _PAUSE_S)):
            member = self._victim()
            fault = self._random.choice(self._faults)
            with self._lock:
                if member.name in self._busy:
                    continue
                self._busy.add(member.name)
            try:
                self.counts[f"{fault(member)} {member.kind}"] += 1
            except (AssertionError, OSError, redis.RedisError) as error:
                self.problems.append(f"{fault.__name__} {member.name}: {error!r}")
            finally:
                self._busy.discard(member.name)

    def _victim(self) -> Member:
        kinds = sorted({member.kind for member in self._installation.members.values()})
        first, *others = self._installation.of_kind(self._random.choice(kinds))
        return first if not others or self._random.random() < _FIRST else self._random.choice(others)

    def _kill(self, member: Member) -> str:
        member.kill()
        self._start_later(member)
        return "kill"

    def _restart(self, member: Member) -> str:
        member.leave(60)
        self._start_later(member)
        return "restart"

    def _freeze(self, member: Member) -> str:
        member.freeze()
        self._over.wait(self._random.uniform(0, _LONGEST_S))
        member.thaw()
        return "freeze"

    def _network(self, member: Member) -> str:
        """Break the way to the servers of a victim's service; the network of the whole, if it has none."""
        service = member.kind.partition("-")[0]
        proxies = self._installation.proxies.get(service) or self._installation.every_proxy()
        for proxy in proxies:
            self._random.choice((proxy.hold, proxy.cut, lambda proxy=proxy: proxy.slow(0.5)))()
        self._over.wait(self._random.uniform(0, _LONGEST_S))
        for proxy in proxies:
            proxy.heal()
        return "network"

    def _hints(self, _member: Member) -> str:
        store = self._installation.store
        lose = self._random.random()
        if lose < 0.5:
            broker.lose(store, self._random.random(), self._random)
        else:
            broker.multiply(store, 5, self._random)
        store.client_kill_filter(_type="normal", skipme=True)
        return "broker"

    def _start_later(self, member: Member) -> None:
        self._over.wait(self._random.uniform(0, _LONGEST_S))
        if member is self._installation.redis:
            self._installation.start_redis()
        else:
            member.start()
