"""The routes of /v1/webhooks."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final, Literal, Self

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from services.gateway.api.context import Manager, Wired
from services.gateway.api.pages import id_in, token_of
from services.gateway.webhooks.model import DELIVERY_ID, Delivery, DeliveryState, Disabled, Endpoint
from services.gateway.webhooks.service import Webhooks, Wish
from services.gateway.webhooks.store import DeliveryQuery
from services.shared.errors import Unavailable
from services.shared.outbound.policy import MAX_URL_CHARACTERS

MAX_PAGE_SIZE: Final = 200

JobEvent = Literal["job.succeeded", "job.partially_succeeded", "job.failed", "job.cancelled"]
Url = Annotated[str, Field(min_length=1, max_length=MAX_URL_CHARACTERS)]
Description = Annotated[str, Field(max_length=256)]
Events = Annotated[list[JobEvent], Field(min_length=1, max_length=4, json_schema_extra={"uniqueItems": True})]


def _webhooks(context: Wired) -> Webhooks:
    if context.webhooks is None:
        raise Unavailable("Webhooks are kept in Redis, and there is none.", code="redis_unavailable")
    return context.webhooks


Hooks = Annotated[Webhooks, Depends(_webhooks)]

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class NewWebhook(_Body):
    """An endpoint to be made."""

    url: Url
    description: Description = ""
    events: Events | None = None
    all_jobs: bool = True

    def wish(self) -> Wish:
        """Return it in the words of the domain."""
        return Wish(self.url, self.description, _each_once(self.events), self.all_jobs)


class WebhookChange(_Body):
    """What is to be changed of an endpoint; what is left out stays."""

    url: Url | None = None
    description: Description | None = None
    events: Events | None = None
    all_jobs: bool | None = None
    enabled: bool | None = None

    def wish(self) -> Wish:
        """Return it in the words of the domain."""
        return Wish(self.url, self.description, _each_once(self.events), self.all_jobs, self.enabled)


class WebhookView(BaseModel):
    """An endpoint as its owner sees it."""

    id: str
    url: str
    description: str
    events: list[str]
    all_jobs: bool
    enabled: bool
    disabled_reason: Disabled | None
    created_at: datetime

    @classmethod
    def of(cls, endpoint: Endpoint) -> Self:
        """Show an endpoint."""
        return cls.model_validate(endpoint, from_attributes=True)


class WebhookWithSecretView(WebhookView):
    """And its secret, which is not shown again."""

    secret: str


class WebhooksView(BaseModel):
    """All endpoints, oldest first; there are never so many that they need a second page."""

    webhooks: list[WebhookView]
    next_page_token: str = ""


class AttemptView(BaseModel):
    """One request of a delivery; error is the code of what went wrong."""

    at: datetime
    duration_ms: int
    status_code: int | None
    error: str | None


class DeliveryView(BaseModel):
    """An event on its way to an endpoint; its id is the webhook-id of the requests."""

    id: str
    webhook: str
    type: str
    job: str | None
    state: DeliveryState
    created_at: datetime
    next_attempt_at: datetime | None
    attempts: list[AttemptView]

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """Show a delivery."""
        return cls.model_validate(delivery, from_attributes=True)


class DeliveryPageView(BaseModel):
    """A page of deliveries, newest first; next_page_token is empty at the end."""

    deliveries: list[DeliveryView]
    next_page_token: str


@router.post("", status_code=HTTPStatus.CREATED)
def create_webhook(
    body: NewWebhook, response: Response, tenant: Manager, webhooks: Hooks
) -> WebhookWithSecretView:
    """Have a URL told of the ends of jobs. Only this answer holds the secret that signs the requests."""
    endpoint, secret = webhooks.create(tenant, body.wish())
    response.headers["location"] = f"/v1/webhooks/{endpoint.id}"
    return _with_secret(response, endpoint, secret)


@router.get("")
def list_webhooks(tenant: Manager, webhooks: Hooks) -> WebhooksView:
    """List all webhooks."""
    return WebhooksView(webhooks=[WebhookView.of(each) for each in webhooks.list(tenant)])


@router.get("/{webhook_id}")
def get_webhook(webhook_id: str, tenant: Manager, webhooks: Hooks) -> WebhookView:
    """Return a webhook."""
    return WebhookView.of(webhooks.get(tenant, webhook_id))


@router.patch("/{webhook_id}")
def change_webhook(webhook_id: str, body: WebhookChange, tenant: Manager, webhooks: Hooks) -> WebhookView:
    """Change a webhook; one that is enabled again goes on with what is pending."""
    return WebhookView.of(webhooks.change(tenant, webhook_id, body.wish()))


@router.delete("/{webhook_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_webhook(webhook_id: str, tenant: Manager, webhooks: Hooks) -> None:
    """Forget a webhook and all of its deliveries."""
    webhooks.delete(tenant, webhook_id)


@router.post("/{webhook_id}/rotate")
def rotate_secret(
    webhook_id: str, response: Response, tenant: Manager, webhooks: Hooks
) -> WebhookWithSecretView:
    """Make a new secret. For 24 h every request is signed with the one before, too."""
    return _with_secret(response, *webhooks.rotate(tenant, webhook_id))


@router.post("/{webhook_id}/test", status_code=HTTPStatus.ACCEPTED)
def send_test(webhook_id: str, tenant: Manager, webhooks: Hooks) -> DeliveryView:
    """Send an event of the type webhook.test, once."""
    return DeliveryView.of(webhooks.test(tenant, webhook_id))


@router.get("/{webhook_id}/deliveries")
def list_deliveries(
    webhook_id: str,
    tenant: Manager,
    webhooks: Hooks,
    state: DeliveryState | None = None,
    page_size: Annotated[int, Query(ge=0)] = 50,
    page_token: str = "",
) -> DeliveryPageView:
    """List deliveries, newest first; a page_size above the most is brought down to it."""
    made_for = f"{webhook_id}:{state or ''}"
    limit = min(page_size or MAX_PAGE_SIZE, MAX_PAGE_SIZE)
    query = DeliveryQuery(limit, state, id_in(page_token, made_for, DELIVERY_ID))
    page, before = webhooks.deliveries(tenant, webhook_id, query)
    return DeliveryPageView(
        deliveries=[DeliveryView.of(each) for each in page], next_page_token=token_of(before, made_for)
    )


@router.post("/{webhook_id}/deliveries/{delivery_id}/replay", status_code=HTTPStatus.ACCEPTED)
def replay_delivery(webhook_id: str, delivery_id: str, tenant: Manager, webhooks: Hooks) -> DeliveryView:
    """Send a delivery again, with the webhook-id that it had."""
    return DeliveryView.of(webhooks.replay(tenant, webhook_id, delivery_id))


def _with_secret(response: Response, endpoint: Endpoint, secret: str) -> WebhookWithSecretView:
    response.headers["cache-control"] = "no-store"
    return WebhookWithSecretView(**WebhookView.of(endpoint).model_dump(), secret=secret)


def _each_once(events: list[JobEvent] | None) -> tuple[str, ...] | None:
    return None if events is None else tuple(dict.fromkeys(events))
