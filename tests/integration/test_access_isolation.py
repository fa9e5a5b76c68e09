"""On every route: what is one tenant's does not exist for another, and a key opens what its scopes say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest_asyncio

from services.gateway.access.admin_key import new_key
from services.gateway.access.model import ALL_SCOPES, TENANT_SCOPES, Scope
from services.gateway.jobs.model import File, JobState
from services.gateway.jobs.model import Final as Ending
from services.gateway.storage.redis import RedisJobStore
from services.shared import tasks
from tests.contract.shop import LedgerHands, Shop, submission
from tests.support.desk import Desk, desk, lonely
from tests.support.routes import Route, routes_of

# Without a key: probes and metrics, which say nothing of any tenant.
OPEN: Final = {"/healthz", "/readyz", "/metrics"}
# With any key: the description of the API.
UNSCOPED: Final = {"/v1/openapi.json"}
# Of nobody: what this field names is the same for all.
PUBLIC: Final = {"model"}
# What a route wants before it looks for its object.
BODIES: Final[Mapping[str, Any]] = {
    "PATCH /v1/webhooks/{webhook_id}": {"description": "mine"},
    "PUT /v1/glossaries/{glossary_id}": {"name": "mine", "terms": []},
}
TUS: Final = {"tus-resumable": "1.0.0", "upload-length": "5"}
UPLOAD: Final = {
    **TUS,
    "upload-offset": "0",
    "content-type": "application/offset+octet-stream",
    "x-http-method-override": "PATCH",
}
SPEC: Final = {"source_language": "en", "target_language": "pt"}


@pytest_asyncio.fixture
async def front(redis_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """A gateway."""
    async with desk(lonely(redis_url, tmp_path)) as made:
        yield made


def headers_of(route: Route) -> dict[str, str]:
    """Return the headers that a route wants before it looks for its object."""
    return dict(UPLOAD) if "/uploads" in route.path else {}


async def ask(client: httpx.AsyncClient, route: Route, path: str) -> httpx.Response:
    """Ask a route for something."""
    body = BODIES.get(str(route))
    return await client.request(route.method, path, json=body, headers=headers_of(route))


def text_job(front: Desk, tenant: str) -> str:
    """Make a job that has ended well, with one file."""
    store = RedisJobStore(front.ledger)
    new = submission("text_translation", tenant)
    shop = Shop(store, LedgerHands(front.ledger))
    store.submit(new)
    shop.hands.complete(new.job.id, (tasks.TRANSLATE, "job"), {})
    file = File("result.json", f"{new.job.prefix}result.json", "application/json", 2)
    front.context.jobs._ports.artifacts.put(file.key, b"{}")
    store.finish(new.job.id, Ending(JobState.SUCCEEDED, files=(file,)))
    return new.job.id


@dataclass
class Owner:
    """A tenant with one object of every kind, each made when a route asks for it."""

    front: Desk
    client: httpx.AsyncClient
    made: dict[str, str] = field(default_factory=dict)

    async def fields(self, route: Route) -> dict[str, str]:
        """Return what goes into a route's path."""
        return {name: await self.get(name) for name in route.fields}

    async def get(self, name: str) -> str:
        """Return the id of the object that a field names."""
        if name not in self.made:
            assert name in MAKERS, f"say in MAKERS how a tenant comes to a {name}"
            self.made[name] = await MAKERS[name](self)
        return self.made[name]

    async def post(self, path: str, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        """Make something."""
        answer = await self.client.post(path, json=body or None, headers=headers)
        assert answer.is_success, answer.text
        return answer

    async def job(self) -> str:
        return text_job(self.front, "acme")

    async def file(self) -> str:
        return "result.json"

    async def erasure(self) -> str:
        answer = await self.client.delete(f"/v1/jobs/{text_job(self.front, 'acme')}")
        return str(answer.json()["id"])

    async def upload(self) -> str:
        return (await self.post("/v1/uploads", headers=TUS)).headers["location"].rpartition("/")[2]

    async def webhook(self) -> str:
        return str((await self.post("/v1/webhooks", url="https://example.com/hook")).json()["id"])

    async def delivery(self) -> str:
        return str((await self.post(f"/v1/webhooks/{await self.get('webhook_id')}/test")).json()["id"])

    async def glossary(self) -> str:
        terms = [{"source": "Dragoman", "keep": True}]
        return str((await self.post("/v1/glossaries", name="names", terms=terms)).json()["id"])


MAKERS: Final[Mapping[str, Callable[[Owner], Awaitable[str]]]] = {
    "job_id": Owner.job,
    "name": Owner.file,
    "erasure_id": Owner.erasure,
    "upload_id": Owner.upload,
    "webhook_id": Owner.webhook,
    "delivery_id": Owner.delivery,
    "glossary_id": Owner.glossary,
}


def owned(front: Desk) -> list[Route]:
    """Return the routes to objects of a tenant."""
    found = [route for route in routes_of(front.app) if route.fields and Scope.ADMIN not in route.scopes]
    return [route for route in found if not PUBLIC & set(route.fields)]


async def test_what_is_anothers_is_not_there(front: Desk) -> None:
    owner = Owner(front, await front.holder("acme"))
    # All that a key can be for, and still another tenant's.
    other = await front.holder("umbrella", scopes=sorted(ALL_SCOPES))
    routes = owned(front)
    assert len(routes) >= 10
    for route in routes:
        path = route.filled(**await owner.fields(route))
        answer = await ask(other, route, path)
        assert answer.status_code == 404, f"{route}: {answer.status_code} {answer.text}"
        if route.method != "HEAD":
            kind = route.fields[0].removesuffix("_id")
            assert answer.json()["code"] == f"{kind}_not_found", route


async def test_the_owner_finds_all_of_it(front: Desk) -> None:
    """Else the test above would show nothing."""
    owner = Owner(front, await front.holder("acme"))
    for route in owned(front):
        if route.method == "GET":
            path = route.filled(**await owner.fields(route))
            answer = await owner.client.get(path, headers={"last-event-id": "1000"})
            assert answer.is_success, f"{route}: {answer.status_code} {answer.text}"


async def test_no_list_shows_what_is_anothers(front: Desk) -> None:
    owner = Owner(front, await front.holder("acme"))
    ids = [await owner.get(name) for name in ("job_id", "webhook_id")]
    other = await front.holder("umbrella")
    for route in routes_of(front.app):
        if route.method == "GET" and not route.fields and route.scopes & TENANT_SCOPES:
            answer = await other.get(route.path, headers={"x-tenant": "acme"}, params={"tenant_id": "acme"})
            assert answer.is_success, route
            assert not any(each in answer.text for each in ids), route


async def test_a_page_token_leads_to_ones_own_jobs_only(front: Desk) -> None:
    for tenant in ("acme", "umbrella"):
        for _ in range(3):
            text_job(front, tenant)
    owner, other = await front.holder("acme"), await front.holder("umbrella")
    token = (await owner.get("/v1/jobs", params={"page_size": 1})).json()["next_page_token"]
    mine = [job["id"] for job in (await other.get("/v1/jobs")).json()["jobs"]]
    answer = await other.get("/v1/jobs", params={"page_size": 9, "page_token": token})
    assert answer.status_code == 422 or {job["id"] for job in answer.json()["jobs"]} <= set(mine)


async def test_without_a_key_every_route_is_closed(front: Desk) -> None:
    stranger = await front.client()
    for route in routes_of(front.app):
        path = route.filled(**dict.fromkeys(route.fields, "x"))
        answer = await ask(stranger, route, path)
        if route.path in OPEN:
            assert not route.guarded
            continue
        assert answer.status_code == 401, f"{route}: {answer.status_code}"
        assert route.method == "HEAD" or answer.json()["code"] == "missing_key", route
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_wrong_key_opens_nothing(front: Desk) -> None:
    guesser = await front.client(new_key())
    for route in routes_of(front.app):
        if route.path not in OPEN:
            answer = await ask(guesser, route, route.filled(**dict.fromkeys(route.fields, "x")))
            assert answer.status_code == 401, f"{route}: {answer.status_code}"
            assert route.method == "HEAD" or answer.json()["code"] == "invalid_key", route


async def test_a_key_that_lacks_a_routes_scope_is_told_so(front: Desk) -> None:
    for scope in Scope:
        others = await front.holder("acme", scopes=sorted(ALL_SCOPES - {scope}))
        for route in routes_of(front.app):
            if route.path in OPEN | UNSCOPED:
                continue
            assert len(route.scopes) == 1, f"{route} asks for no scope, or for several"
            if scope in route.scopes:
                answer = await ask(others, route, route.filled(**dict.fromkeys(route.fields, "x")))
                assert answer.status_code == 403, f"{route}: {answer.status_code} {answer.text}"
                assert route.method == "HEAD" or answer.json()["code"] == "missing_scope", route


async def test_nothing_but_the_key_names_a_tenant(front: Desk) -> None:
    text_job(front, "umbrella")
    holder = await front.holder("acme")
    for name in ("x-tenant", "x-tenant-id", "x-dragoman-tenant", "openai-organization", "openai-project"):
        answer = await holder.get("/v1/jobs", headers={name: "umbrella"}, params={"tenant": "umbrella"})
        assert answer.json()["jobs"] == [], name
    refused = await holder.post(
        "/v1/jobs", json={"kind": "text_translation", "text": "Hi", "tenant": "x", **SPEC}
    )
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_spec")
