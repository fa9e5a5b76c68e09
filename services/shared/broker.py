"""Celery as a carrier of hints: its settings, each with its reason, and how hints are sent."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from celery import Celery
from kombu.transport import redis as kombu_redis
from kombu.utils.uuid import uuid
from redis.exceptions import ConnectionError as RedisConnectionError

from services.shared import telemetry
from services.shared.config import Settings
from services.shared.redis_url import broker
from services.shared.tasks import SERVICES, Hint

# Headers of a hint: the span that sent it, as a W3C traceparent, and when, in Unix time.
TRACE_HEADER: Final = "traceparent"
SENT_HEADER: Final = "sent_s"

_SETTINGS: Final = {
    # A hint is acknowledged when its unit has been dealt with; if that never happens the
    # reconciler sends another one, so neither loss nor doubling matters.
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    # A worker takes no more hints than it has threads: waiting ones stay visible to other workers.
    "worker_prefetch_multiplier": 1,
    "worker_disable_prefetch": True,
    # State lives in the ledger.
    "task_ignore_result": True,
    "task_store_errors_even_if_ignored": False,
    "result_backend": None,
    "worker_send_task_events": False,
    # Pickle would run whatever the broker's writer sends.
    "task_serializer": "json",
    "accept_content": ["json"],
    # Redis may be away for a while: wait, do not exit.
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_channel_error_retry": True,
    # The ledger fences off a second run, so let a running unit finish when the connection drops.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    # Our own JSON log is the only one.
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
}


def make_celery(settings: Settings, service: str) -> Celery:
    """Make the Celery app of one process.

    Args:
        settings: For the broker's URL.
        service: Names the app and its unacknowledged-message keys: shared keys would let every
            worker restore the messages of all others with its own time-out.

    Raises:
        Misconfigured: the broker's URL is wrong.
    """
    _mend_kombu()
    address = broker(settings.broker_url or settings.redis_url)
    app = Celery(f"dragoman.{service}", broker=address.url)
    app.conf.update(_SETTINGS)
    if address.use_ssl is not None:
        app.conf.broker_use_ssl = dict(address.use_ssl)
    options = _redis_options(settings, service) if address.is_redis else {}
    app.conf.broker_transport_options = options | dict(address.transport_options)
    return app


def _redis_options(settings: Settings, service: str) -> dict[str, Any]:
    return {
        # Above the longest unit and its drain. Recovery does not wait for it: the reconciler is faster.
        "visibility_timeout": 3600,
        "unacked_key": f"unacked.{service}",
        "unacked_index_key": f"unacked_index.{service}",
        "unacked_mutex_key": f"unacked_mutex.{service}",
        "global_keyprefix": f"{settings.key_prefix}celery:",
        # A dead peer is noticed within half a minute.
        "socket_keepalive": True,
        "socket_timeout": 30,
        "socket_connect_timeout": 5,
        "health_check_interval": 25,
    }


def send_hints(app: Celery, hints: Sequence[Hint]) -> None:
    """Send hints, never raising: what cannot be sent is a lost hint, which the reconciler mends.

    The first failure ends it: with the broker away each further hint would hold the caller for seconds.
    """
    if not hints:
        return
    count = {"messaging.batch.message_count": len(hints)}
    with telemetry.span("send hints", telemetry.SpanKind.PRODUCER, count):
        # A hint names no unit, so its trace is only where it came from: the unit's own is in the ledger.
        headers = {TRACE_HEADER: telemetry.traceparent(), SENT_HEADER: time.time()}
        try:
            # A connection for them alone, which a failure replaces.
            with app.pool.acquire(block=True) as connection:
                producer: Any = app.amqp.Producer(connection.default_channel, auto_declare=False)
                # Where the broker can, in one round trip.
                with producer.batch() if len(hints) > 1 else nullcontext():
                    for hint in hints:
                        _publish(app, producer, hint.service, headers)
            for hint in hints:
                telemetry.SENT_HINTS.labels(hint.service).inc()
        except Exception as error:  # noqa: BLE001 - any broker, any failure: the hints are lost
            telemetry.logger().warning("hints lost", first=hints[0].service, error=type(error).__name__)


def _publish(app: Celery, producer: Any, service: str, headers: dict[str, Any]) -> None:
    """Put a hint into a service's queue as `send_task` does, whose time goes into what is always the same."""
    queue = app.amqp.queues[service]
    if hash(queue) not in producer.connection.declared_entities:
        producer.maybe_declare(queue)
    (common, body), task_id = _message(app, service), uuid()
    producer.publish(
        body,
        routing_key=service,
        content_type="application/json",
        content_encoding="utf-8",
        headers=common | {"id": task_id, "root_id": task_id} | headers,
        correlation_id=task_id,
    )


@lru_cache
def _message(app: Celery, service: str) -> tuple[dict[str, Any], str]:
    """Return Celery's message for a task without arguments: its headers but for an id, and its body."""
    headers, _, body, _ = app.amqp.as_task_v2("", service)
    return headers, json.dumps(body)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a hint came from.

    Attributes:
        traceparent: W3C traceparent of the span that sent it; empty when it was not traced.
        waited_s: Seconds since then, by the clocks of two machines; None when it does not say.
    """

    traceparent: str = ""
    waited_s: float | None = None


def origin_of(headers: Mapping[str, Any] | None) -> Origin:
    """Read the headers of a hint, which any version, or anybody, may have sent."""
    sent = headers or {}
    sent_s, traceparent = sent.get(SENT_HEADER), sent.get(TRACE_HEADER)
    return Origin(
        traceparent if isinstance(traceparent, str) else "",
        max(0.0, time.time() - sent_s) if isinstance(sent_s, int | float) else None,
    )


def queued_hints(app: Celery) -> dict[str, int]:
    """Return per service how many hints wait in its queue; those that a worker has taken are not counted.

    Raises:
        Exception: whatever the broker's client raises when the broker is away.
    """
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        # Declared as the workers declare them, so that asking makes no other queue than theirs.
        declared = {
            name: channel.queue_declare(queue=name, durable=True, auto_delete=False) for name in SERVICES
        }
        return {name: int(answer.message_count) for name, answer in declared.items()}


def _mend_kombu() -> None:
    """Mend what kombu 5.7.0 does with connections to Redis."""
    channel: Any = kombu_redis.Channel
    if getattr(channel, "mended", False):
        return
    channel.mended = True
    _survive_lost_connections(channel)
    _keep_clients(channel)


def _survive_lost_connections(channel: Any) -> None:
    """Keep workers alive when Redis goes away.

    kombu rebuilds a channel's pool from a connection that it has already cleared, which ends
    the worker with an AttributeError. Reporting it as a lost connection lets Celery reconnect.
    """
    original = channel._connparams  # noqa: SLF001 - the only place to mend it

    def connparams(self: Any, *arguments: Any, **options: Any) -> Any:
        if self.connection is None or self.connection.client is None:
            raise RedisConnectionError("This channel's connection is closed.")
        return original(self, *arguments, **options)

    channel._connparams = connparams  # noqa: SLF001 - see above


def _keep_clients(channel: Any) -> None:
    """Let a channel keep its client of Redis, which any thread may use.

    kombu makes one for every command that it sends, and that takes longer than the command. Those of an event
    loop are not meant: each of them has a connection of its own.
    """
    original = channel._create_client  # noqa: SLF001 - the only place to mend it

    def create_client(self: Any, asynchronous: bool = False) -> Any:  # noqa: FBT001, FBT002 - kombu's
        if asynchronous:
            return original(self, asynchronous)
        kept = self.__dict__.get("kept_client")
        if kept is None or kept.connection_pool is not self.pool:
            kept = self.kept_client = original(self)
        return kept

    channel._create_client = create_client  # noqa: SLF001 - see above
