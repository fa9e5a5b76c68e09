"""A typed client of a Dragoman gateway, blocking and asynchronous."""

from dragoman.client import AsyncDragoman, Dragoman
from dragoman.errors import (
    Conflict,
    DragomanError,
    Forbidden,
    Incomplete,
    InvalidRequest,
    InvalidSignature,
    NotFound,
    RateLimited,
    Refused,
    ServerFailure,
    TimedOut,
    TooLarge,
    Unauthorized,
    Unreachable,
    WaitedTooLong,
)
from dragoman.models import (
    Artifact,
    Erasure,
    Glossary,
    Job,
    Key,
    Stages,
    Tenant,
    Usage,
    Webhook,
    WebhookEvent,
)
from dragoman.results import Result
from dragoman.specs import JobSpec
from dragoman.webhooks import sign_webhook, verify_webhook

__all__ = [
    "Artifact",
    "AsyncDragoman",
    "Conflict",
    "Dragoman",
    "DragomanError",
    "Erasure",
    "Forbidden",
    "Glossary",
    "Incomplete",
    "InvalidRequest",
    "InvalidSignature",
    "Job",
    "JobSpec",
    "Key",
    "NotFound",
    "RateLimited",
    "Refused",
    "Result",
    "ServerFailure",
    "Stages",
    "Tenant",
    "TimedOut",
    "TooLarge",
    "Unauthorized",
    "Unreachable",
    "Usage",
    "WaitedTooLong",
    "Webhook",
    "WebhookEvent",
    "sign_webhook",
    "verify_webhook",
]
