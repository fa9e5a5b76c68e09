"""The clients: one that blocks and one for asyncio, with the same methods."""

from __future__ import annotations

from typing import Final, Self

import httpx

from dragoman import access, downloads, endpoints, events, glossaries, jobs, uploads
from dragoman.drivers import Awaiting, Blocking
from dragoman.effects import Options
from dragoman.methods import Driver, Resource, call, each

# Uploads and results may be large; a silent connection is still noticed.
DEFAULT_TIMEOUT: Final = httpx.Timeout(60.0, connect=5.0)
DEFAULT_URL: Final = "http://127.0.0.1:8080"


class Jobs(Resource[Driver]):
    """Jobs: submit them, follow them, fetch what they made."""

    submit = call(jobs.submit)
    get = call(jobs.get)
    list = each(jobs.list_)
    wait = call(events.wait)
    events = each(events.events)
    result = call(jobs.result)
    result_document = call(jobs.result_document)
    artifacts = call(downloads.artifacts)
    download = call(downloads.download)
    download_all = call(downloads.download_all)
    cancel = call(jobs.cancel)
    retry = call(jobs.retry)
    erase = call(jobs.erase)
    erasure = call(jobs.erasure)
    link = call(jobs.link)


class Uploads(Resource[Driver]):
    """Files that several jobs may take, or that come before their job."""

    send = call(uploads.send)
    delete = call(uploads.delete)


class Glossaries(Resource[Driver]):
    """Words that recognition, translation and speech shall know."""

    create = call(glossaries.create)
    get = call(glossaries.get)
    list = each(glossaries.list_)
    replace = call(glossaries.replace)
    delete = call(glossaries.delete)


class Webhooks(Resource[Driver]):
    """Endpoints that hear when a job is over."""

    create = call(endpoints.create)
    get = call(endpoints.get)
    list = each(endpoints.list_)
    update = call(endpoints.update)
    delete = call(endpoints.delete)
    rotate = call(endpoints.rotate)
    test = call(endpoints.test)
    deliveries = each(endpoints.deliveries)
    replay = call(endpoints.replay)


class Keys(Resource[Driver]):
    """API keys; for administrators."""

    create = call(access.create_key)
    get = call(access.get_key)
    list = each(access.list_keys)
    revoke = call(access.revoke_key)


class Tenants(Resource[Driver]):
    """Tenants and their limits; for administrators."""

    list = each(access.list_tenants)
    get = call(access.get_tenant)
    set = call(access.put_tenant)


class _Client(Resource[Driver]):
    """All groups of calls, over one driver."""

    usage = call(access.usage)
    stages = call(access.stages)

    def __init__(self, driver: Driver) -> None:
        super().__init__(driver)
        self.jobs = Jobs(driver)
        self.uploads = Uploads(driver)
        self.glossaries = Glossaries(driver)
        self.webhooks = Webhooks(driver)
        self.keys = Keys(driver)
        self.tenants = Tenants(driver)


class Dragoman(_Client[Blocking]):
    """A gateway as blocking methods; close it, or use it in a `with`.

    Args:
        base_url: Where the gateway is.
        api_key: Your key.
        timeout: How long a connection, and a silence of it, may take: seconds, or an httpx.Timeout.
        max_retries: How often a request is sent again where that is safe.
        http: An httpx.Client of your own, for proxies or certificates; its timeout counts, and you close it.
    """

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        *,
        api_key: str,
        timeout: float | httpx.Timeout = DEFAULT_TIMEOUT,
        max_retries: int = 2,
        http: httpx.Client | None = None,
    ) -> None:
        self._owned = http is None
        options = Options(base_url.rstrip("/"), max_retries)
        super().__init__(Blocking(http or httpx.Client(timeout=timeout), api_key, options))

    def close(self) -> None:
        """Close the connections."""
        if self._owned:
            self.driver.http.close()

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()


class AsyncDragoman(_Client[Awaiting]):
    """A gateway as coroutines; close it, or use it in an `async with`.

    Args:
        base_url: Where the gateway is.
        api_key: Your key.
        timeout: How long a connection, and a silence of it, may take: seconds, or an httpx.Timeout.
        max_retries: How often a request is sent again where that is safe.
        http: An httpx.AsyncClient of your own; its timeout counts, and you close it.
    """

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        *,
        api_key: str,
        timeout: float | httpx.Timeout = DEFAULT_TIMEOUT,
        max_retries: int = 2,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._owned = http is None
        options = Options(base_url.rstrip("/"), max_retries)
        super().__init__(Awaiting(http or httpx.AsyncClient(timeout=timeout), api_key, options))

    async def close(self) -> None:
        """Close the connections."""
        if self._owned:
            await self.driver.http.aclose()

    async def __aenter__(self) -> Self:
        """Return the client itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self.close()
