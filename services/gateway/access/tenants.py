"""The tenants: their limits, when their results need a review, and what they have used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from services.gateway.access.model import ADMIN_TENANT
from services.gateway.access.reviews import Reviews
from services.gateway.jobs.policy import OwnPolicy
from services.shared.errors import NotFound
from services.shared.ledger.accounts import Accounts, Limits, Use, days_between
from services.shared.redis_errors import reaching


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant, its own limits, and its own policy of reviews."""

    name: str
    limits: Limits
    review: OwnPolicy = OwnPolicy()  # noqa: RUF009 - it is frozen


@dataclass(frozen=True, slots=True)
class Report:
    """What a tenant used.

    Attributes:
        stored_bytes: That its jobs keep now.
        days: Per day (UTC) and stage; days without use are left out.
    """

    stored_bytes: int
    days: Mapping[date, Mapping[str, Use]]

    @property
    def stages(self) -> Mapping[str, Use]:
        """What it used of each stage, over all days."""
        total: dict[str, Use] = {}
        for stages in self.days.values():
            for stage, use in stages.items():
                total[stage] = total.get(stage, Use()) + use
        return dict(sorted(total.items()))


class Tenants:
    """The tenants of an installation: those that were ever given a key or limits, and the administrator's.

    Every method may be called from any thread, and raises Unavailable (code redis_unavailable) when Redis
    cannot be reached.
    """

    def __init__(self, accounts: Accounts, reviews: Reviews) -> None:
        self._accounts = accounts
        self._reviews = reviews

    def list(self) -> list[Tenant]:
        """Return all tenants by name."""
        with reaching:
            names = sorted({ADMIN_TENANT, *self._accounts.tenants()})
            return [*self._named(names)]

    def get(self, name: str) -> Tenant:
        """Return a tenant.

        Raises:
            NotFound: (code tenant_not_found) there is none of that name.
        """
        with reaching:
            if name != ADMIN_TENANT and not self._accounts.is_known(name):
                raise NotFound("There is no such tenant.", code="tenant_not_found")
            return self._named([name])[0]

    def put(self, name: str, limits: Limits | None = None, review: OwnPolicy | None = None) -> Tenant:
        """Give a tenant limits or a policy in place of what it had; it need not be there before."""
        with reaching:
            if review is not None:
                self._reviews.put(name, review)
            if limits is not None:
                self._accounts.set_limits(name, limits)
            return self._named([name])[0]

    def report(self, tenant: str, first: date, last: date) -> Report:
        """Return what a tenant used from the first to the last day (UTC), both included."""
        with reaching:
            stored_bytes = self._accounts.standing(tenant).stored_bytes
            return Report(stored_bytes, self._accounts.use(tenant, days_between(first, last)))

    def _named(self, names: Sequence[str]) -> tuple[Tenant, ...]:
        parts = zip(names, self._accounts.limits(names), self._reviews.of(names), strict=True)
        return tuple(Tenant(*each) for each in parts)
