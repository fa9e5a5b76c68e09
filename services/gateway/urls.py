"""Which URLs a job may name as the source of its file: what can be said of them without asking anybody."""

from __future__ import annotations

from services.gateway.jobs import sources
from services.shared.config import Settings
from services.shared.outbound import policy


class AllowedUrls:
    """The rules for source_url; the worker that fetches has the same, and checks addresses too.

    Args:
        settings: Names the hosts.

    Raises:
        Misconfigured: one of them is no host.
    """

    def __init__(self, settings: Settings) -> None:
        self._policy = policy.Policy.of(settings, policy.patterns(settings.fetch_allowed_hosts))

    def check(self, url: str) -> None:
        """Check a URL.

        Raises:
            InvalidRequest: (codes source_url_disabled, url_not_allowed) it may not be named.
        """
        if not self._policy.hosts:
            raise sources.disabled()
        policy.check(url, self._policy)
