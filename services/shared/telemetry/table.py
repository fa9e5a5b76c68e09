"""Telemetry as data: every metric and every kind of span, what it says, and which processes give it.

The code registers its metrics from here, the README shows this table, and tests hold both to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["counter", "gauge", "histogram"]

GATEWAY: Final = "gateway"
RECONCILER: Final = "reconciler"
WORKER: Final = "worker"
SERVER: Final = "server"

_SECONDS: Final = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)
# A backlog may take hours.
_WAITS: Final = (*_SECONDS, 1000, 3000, 10000)


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric.

    Attributes:
        name: As Prometheus shows it: with its unit, and `_total` for a counter.
        kind: What it is.
        help: What it says, as a sentence.
        labels: Of few values each: never a tenant, a job or what a client wrote.
        emitted_by: "gateway", "reconciler", "worker" and "server" for all four, or one, such as "tts-server".
        buckets: Of a histogram.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...]
    emitted_by: tuple[str, ...]
    buckets: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class SpanRow:
    """A kind of span.

    Attributes:
        name: How it is called; where that depends, in <brackets>.
        help: What it covers.
        emitted_by: As for a metric.
        parents: Names of what it is part of; a "request" is a request's span.
    """

    name: str
    help: str
    emitted_by: tuple[str, ...]
    parents: tuple[str, ...]


METRICS: Final[tuple[Metric, ...]] = (
    # Requests: rate, errors, duration.
    Metric(
        "dragoman_http_seconds",
        "histogram",
        "Wall time of one HTTP request, by the template of its path.",
        ("method", "route", "status"),
        (GATEWAY,),
        _SECONDS,
    ),
    Metric(
        "dragoman_refused_submissions_total",
        "counter",
        "Submissions refused because something is full, by the code of the error.",
        ("code",),
        (GATEWAY,),
    ),
    Metric(
        "dragoman_rpc_seconds",
        "histogram",
        "Wall time of one call in a model server.",
        ("method", "code"),
        (SERVER,),
        _SECONDS,
    ),
    Metric(
        "dragoman_stage_seconds",
        "histogram",
        "Wall time of one unit in its stage worker, from claim to completion.",
        ("stage", "outcome"),
        (WORKER,),
        _SECONDS,
    ),
    Metric(
        "dragoman_job_seconds",
        "histogram",
        "Time from a job's acceptance to its final state.",
        ("kind", "state"),
        (RECONCILER,),
        (1, 3, 10, 30, 100, 300, 1000, 3000, 10000),
    ),
    Metric(
        "dragoman_dead_units_total",
        "counter",
        "Units of finished jobs that failed for good, by the code of their last error.",
        ("stage", "code"),
        (RECONCILER,),
    ),
    # Resources: how much there is, how much of it is used, who waits for it.
    Metric(
        "dragoman_slots",
        "gauge",
        "Calls or units that this process can run at once.",
        (),
        (SERVER, WORKER),
    ),
    Metric(
        "dragoman_busy_slots",
        "gauge",
        "Calls or units that run now.",
        (),
        (SERVER, WORKER),
    ),
    Metric(
        "dragoman_waiting_calls",
        "gauge",
        "Admitted calls that wait for a slot.",
        (),
        (SERVER,),
    ),
    Metric(
        "dragoman_redis_up",
        "gauge",
        "Whether this process reached Redis when it was asked: 1 or 0.",
        (),
        (GATEWAY,),
    ),
    Metric(
        "dragoman_artifacts_free_bytes",
        "gauge",
        "Free space of the disk with the artifacts; missing where they are in a bucket.",
        (),
        (GATEWAY,),
    ),
    Metric(
        "dragoman_artifacts_reserve_bytes",
        "gauge",
        "Space that artifacts leave free; missing where they are in a bucket.",
        (),
        (GATEWAY,),
    ),
    Metric(
        "dragoman_stage_units",
        "gauge",
        "Units of a stage that wait (queued) or run (running).",
        ("stage", "state"),
        (GATEWAY,),
    ),
    # Speech: how much of it, how fast, in what portions.
    Metric(
        "dragoman_audio_seconds_total",
        "counter",
        "Audio that the completed units of a stage covered.",
        ("stage",),
        (WORKER,),
    ),
    Metric(
        "dragoman_real_time_factor",
        "histogram",
        "Wall time of a completed unit by the length of its audio; below 1 is faster than speech.",
        ("stage",),
        (WORKER,),
        (0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10),
    ),
    Metric(
        "dragoman_batch_size",
        "histogram",
        "Pieces of text that went through a model together (translation) or in one call (tts).",
        ("service",),
        ("translation-server", "tts-server"),
        (1, 2, 4, 8, 16, 32, 64),
    ),
    # Sizes: what there is to do, how fast it goes, and what that asks for.
    Metric(
        "dragoman_backlog_seconds",
        "gauge",
        "Audio of a service's units that wait or run.",
        ("service",),
        (GATEWAY,),
    ),
    Metric(
        "dragoman_stage_speed",
        "gauge",
        "Audio that a slot of a model server gets through in the time it lasts, as measured.",
        ("stage",),
        (GATEWAY,),
    ),
    Metric(
        "dragoman_desired_replicas",
        "gauge",
        "Model servers that a service should have; absent while nobody decides.",
        ("service",),
        (GATEWAY,),
    ),
    Metric(
        "dragoman_desired_workers",
        "gauge",
        "Stage workers that a service should have; absent while nobody decides.",
        ("service",),
        (GATEWAY,),
    ),
    # Hints, leases, cancels: what the machinery does to keep its promise.
    Metric(
        "dragoman_sent_hints_total",
        "counter",
        "Hints that this process sent.",
        ("service",),
        (GATEWAY, WORKER, RECONCILER),
    ),
    Metric(
        "dragoman_idle_hints_total",
        "counter",
        "Hints that found no unit ready.",
        ("service",),
        (WORKER,),
    ),
    Metric(
        "dragoman_hint_wait_seconds",
        "histogram",
        "Time from the sending of a hint until a worker took it.",
        ("service",),
        (WORKER,),
        _WAITS,
    ),
    Metric(
        "dragoman_unit_wait_seconds",
        "histogram",
        "Time from a unit's being ready until a worker claimed it, by the clock of Redis.",
        ("stage",),
        (WORKER,),
        _WAITS,
    ),
    Metric(
        "dragoman_resent_hints_total",
        "counter",
        "Hints that the reconciler sent because some were missing from the queue.",
        ("service",),
        (RECONCILER,),
    ),
    Metric(
        "dragoman_expired_leases_total",
        "counter",
        "Leases that the reconciler ended.",
        (),
        (RECONCILER,),
    ),
    Metric(
        "dragoman_last_step_timestamp_seconds",
        "gauge",
        "When this reconciler last looked at all that is due, in Unix time.",
        (),
        (RECONCILER,),
    ),
    Metric(
        "dragoman_swept_artifacts_total",
        "counter",
        "Stored files that belonged to nothing.",
        (),
        (RECONCILER,),
    ),
    Metric(
        "dragoman_webhook_deliveries_total",
        "counter",
        "Attempts at webhooks by outcome: delivered, retried, failed; and pending ones that were dropped.",
        ("outcome",),
        (RECONCILER,),
    ),
    Metric(
        "dragoman_cancel_notice_seconds",
        "histogram",
        "Time from the cancelling of a job until a worker cancels what it runs for it.",
        (),
        (WORKER,),
        (0.1, 0.25, 0.5, 0.75, 1, 2, 5, 10),
    ),
    Metric(
        "dragoman_cancel_seconds",
        "histogram",
        "From the moment a model server learns that a running call's caller has gone until its slot is free.",
        ("method",),
        (SERVER,),
        (0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10),
    ),
)

SPANS: Final[tuple[SpanRow, ...]] = (
    SpanRow("<method> <route>", "an HTTP request", (GATEWAY,), ("the client's span, if it sent one",)),
    SpanRow(
        "<stage>",
        "one attempt at a unit, from claim to completion; linked to the span that sent its hint",
        (WORKER,),
        ("<method> <route>",),
    ),
    SpanRow(
        "send hints",
        "handing hints to the broker",
        (GATEWAY, WORKER),
        ("<method> <route>", "<stage>"),
    ),
    SpanRow(
        "<rpc> (client)",
        "a gRPC call as its caller sees it, retries of the channel included",
        (GATEWAY, WORKER),
        ("<method> <route>", "<stage>"),
    ),
    SpanRow("<rpc> (server)", "the same call in the model server", (SERVER,), ("<rpc> (client)",)),
    SpanRow(
        "slot", "work in a slot of a model server, without the wait for it", (SERVER,), ("<rpc> (server)",)
    ),
    SpanRow(
        "artifact write",
        "storing an artifact, until it is safe",
        (GATEWAY, WORKER, RECONCILER),
        ("<method> <route>", "<stage>", "finish job"),
    ),
    SpanRow(
        "artifact read",
        "reading an artifact, from opening to closing it",
        (WORKER, RECONCILER),
        ("<stage>", "finish job"),
    ),
    SpanRow(
        "finish job",
        "composing the result and giving the job its final state",
        (RECONCILER,),
        ("<method> <route>",),
    ),
)


def emits(emitted_by: tuple[str, ...], process: str) -> bool:
    """Say whether a process, such as "tts-server", is among those that a row names."""
    return process in emitted_by or process.rpartition("-")[2] in emitted_by
