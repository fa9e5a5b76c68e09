"""The calls about webhooks: endpoints that hear when a job is over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dragoman.effects import Flow, Request, Stream
from dragoman.exchange import answered, model, pages, path
from dragoman.models import Delivery, Webhook, id_of


def create(
    url: str, *, description: str | None = None, events: Sequence[str] | None = None, all_jobs: bool = True
) -> Flow[Webhook]:
    """Have an endpoint told of jobs; the answer holds its secret, which is never shown again.

    Args:
        url: Of the endpoint; https.
        description: For people.
        events: Such as "job.succeeded"; all of them when None.
        all_jobs: Whether it hears of every job, or only of those whose `webhook_url` names it.
    """
    body = {"url": url, "description": description, "events": events and list(events)}
    body = {name: value for name, value in body.items() if value is not None}
    return (
        yield from model(
            Webhook, Request("POST", path("webhooks"), json={**body, "all_jobs": all_jobs}, idempotent=False)
        )
    )


def get(webhook: Webhook | str) -> Flow[Webhook]:
    """Return an endpoint, without its secret."""
    return (yield from model(Webhook, Request("GET", path("webhooks", id_of(webhook)))))


def list_() -> Stream[Webhook]:
    """Iterate over endpoints."""
    yield from pages(Webhook, "webhooks", {})


def update(webhook: Webhook | str, **changes: Any) -> Flow[Webhook]:
    """Change what is named of an endpoint: url, description, events, all_jobs, enabled."""
    return (yield from model(Webhook, Request("PATCH", path("webhooks", id_of(webhook)), json=changes)))


def delete(webhook: Webhook | str) -> Flow[None]:
    """Tell an endpoint nothing any more."""
    yield from answered(Request("DELETE", path("webhooks", id_of(webhook))))


def rotate(webhook: Webhook | str) -> Flow[Webhook]:
    """Give an endpoint another secret, which the answer holds; for 24 h the old one signs along."""
    request = Request("POST", path("webhooks", id_of(webhook), "rotate"), idempotent=False)
    return (yield from model(Webhook, request))


def test(webhook: Webhook | str) -> Flow[Delivery]:
    """Send an endpoint a message for trying it out; `deliveries` says how it went."""
    request = Request("POST", path("webhooks", id_of(webhook), "test"), idempotent=False)
    return (yield from model(Delivery, request))


def deliveries(webhook: Webhook | str, *, state: str | None = None) -> Stream[Delivery]:
    """Iterate over what an endpoint was told, newest first; `state` keeps such as "failed" only."""
    yield from pages(Delivery, "deliveries", {"state": state}, under=("webhooks", id_of(webhook)))


def replay(webhook: Webhook | str, delivery: Delivery | str) -> Flow[Delivery]:
    """Send a message again, under the same id."""
    where = path("webhooks", id_of(webhook), "deliveries", id_of(delivery), "replay")
    return (yield from model(Delivery, Request("POST", where, idempotent=False)))
