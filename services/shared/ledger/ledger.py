"""The unit ledger: the truth about jobs and units, kept in Redis by atomic scripts.

A Celery message is only a hint. The ledger decides who may run which unit (claim, with a fencing
token), what its output is (complete, once), and what becomes ready next. No script waits, none
trusts a clock other than Redis TIME, and each may be repeated after a lost reply.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

import redis

from services.shared.config import Settings
from services.shared.errors import Cancelled
from services.shared.ledger.accounts import TENANTS, Accounts, source
from services.shared.ledger.records import (
    Claim,
    Due,
    Event,
    Failure,
    NewJob,
    Output,
    Policy,
    Renewal,
    Submitted,
    Terms,
    Unit,
)
from services.shared.redis_url import client
from services.shared.tasks import Hint

_SCRIPTS: Final = (
    "submit", "claim", "renew", "complete", "fail", "cancel", "retry", "due", "take_finishing", "finish",
    "take_events", "erase",
)  # fmt: skip


def open_ledger(settings: Settings, retries: int = 6) -> Ledger:
    """Open the ledger of an installation.

    Args:
        settings: Where it is, and how long a lease lasts.
        retries: Of a command that failed; 6 wait for about 3 s in all, to get over short outages.
    """
    lease_ms = round(settings.lease_s * 1000)
    policy = Policy(lease_ms=lease_ms, hold_ms=lease_ms)
    return Ledger(client(settings.redis_url, retries), settings.key_prefix, policy)


class Ledger:
    """Jobs and units.

    Args:
        connection: Redis with decode_responses.
        prefix: Of every key.
        policy: Times and caps.
    """

    def __init__(self, connection: redis.Redis, prefix: str, policy: Policy | None = None) -> None:
        self._redis = connection
        self._prefix = prefix
        self.policy = policy or Policy()
        self.accounts = Accounts(connection, prefix)
        library = TENANTS + source("lib")
        self._scripts = {name: connection.register_script(library + source(name)) for name in _SCRIPTS}

    # Jobs

    def submit(self, new: NewJob, terms: Terms = Terms()) -> Submitted:  # noqa: B008 - frozen
        """Write a whole job with its first units, unless its terms forbid it; then nothing is written.

        A job that is already there stays as it is: its reply was lost.
        """
        fields = {
            "kind": new.kind,
            "priority": new.priority,
            "graph": json.dumps([asdict(node) for node in new.graph]),
            "spec": json.dumps(new.spec),
            "metadata": json.dumps(dict(new.metadata)),
            "trace": new.trace,
        }
        answer, job, services = self._run(
            "submit",
            new.job,
            new.tenant,
            terms.most_jobs,
            terms.most_jobs_of_tenant,
            terms.most_bytes,
            terms.most_audio_minutes,
            terms.key,
            terms.fingerprint,
            int(terms.fresh),
            self.policy.replay_ms,
            "{}",
            new.audio_ms,
            new.stored_bytes,
            *_flat(fields),
        )
        return Submitted(answer, job, _hints(services))

    def kept_under(self, tenant: str, key: str) -> tuple[str, str] | None:
        """Return the fingerprint and the job that an idempotency key stands for, None when it is unused."""
        fingerprint, job = self._redis.hmget(self._key("idempotency", tenant, key), "fingerprint", "job")
        return None if fingerprint is None or job is None else (str(fingerprint), str(job))

    def backlog(self, tenant: str) -> tuple[int, int]:
        """Return how many jobs are unfinished, over all and of one tenant."""
        jobs, own = self._redis.hmget(self._key("backlog"), "jobs", f"tenant:{tenant}")
        return int(jobs or 0), int(own or 0)

    def cancel(self, job: str) -> str:
        """Start to cancel a job; return the state it is in now, or "gone"."""
        return str(self._run("cancel", job))

    def retry(self, job: str) -> tuple[str, tuple[Hint, ...]]:
        """Run the dead units of a failed or partially succeeded job again.

        Returns:
            The state that the job is in now, or "gone", and the hints to send.
        """
        state, services = self._run("retry", job)
        return str(state), _hints(services)

    def take_finishing(self, limit: int) -> list[str]:
        """Return jobs with no open unit; they are this caller's for `policy.hold_ms`."""
        return [str(job) for job in self._run("take_finishing", limit, self.policy.hold_ms)]

    def hand_back(self, job: str, delay_ms: int) -> None:
        """Let others finish a job that was taken, after a while."""
        due_ms = self.now().timestamp() * 1000 + delay_ms
        self._redis.zadd(self._key("finishing"), {job: due_ms}, xx=True)

    def now(self) -> datetime:
        """Return the time by the only clock that counts here, in UTC."""
        seconds, micros = self._redis.time()
        return datetime.fromtimestamp(int(seconds) + int(micros) / 1e6, UTC)

    def wait_for_work(self, timeout_s: float) -> None:
        """Sleep until a job may be finished, at most `timeout_s`."""
        self._redis.blpop([self._key("wake")], timeout=timeout_s)

    def ping(self) -> None:
        """Raise redis.RedisError when Redis cannot be reached."""
        self._redis.ping()

    def finish(
        self,
        job: str,
        state: str,
        fields: Mapping[str, str],
        version: int | None = None,
        *,
        file_bytes: int = 0,
    ) -> bool:
        """Give a job its final state, once; False if somebody else did, or it is of another version now.

        Its `file_bytes` count as the tenant's; of a job that ends as cancelled nothing counts any more.
        """
        bound = "" if version is None else version
        return bool(self._run("finish", job, state, bound, file_bytes, *_flat(fields)))

    def erase(self, job: str) -> str:
        """Forget a finished job: "erased", "running" or "gone"."""
        return str(self._run("erase", job))

    def job(self, job: str) -> dict[str, str] | None:
        """Return a job's raw fields, None if there is no such job."""
        fields: dict[str, str] = self._redis.hgetall(self._key("job", job))  # type: ignore[assignment]  # sync client
        return fields or None

    def look(self, jobs: Sequence[str], stage: str) -> list[tuple[dict[str, str], str | None]]:
        """Return the raw fields of jobs, and what each one's unit of a stage of the scope "job" returned.

        Empty fields say that there is no such job; all of it is one round trip.
        """
        pipeline = self._redis.pipeline(transaction=False)
        for job in jobs:
            pipeline.hgetall(self._key("job", job))
            pipeline.hget(self._key("unit", f"{job}:{stage}:job"), "output")
        found = iter(pipeline.execute())
        return list(zip(found, found, strict=True))

    def fields(self, jobs: Sequence[str], *names: str) -> list[list[str | None]]:
        """Return some raw fields of jobs, in one round trip; all are None where there is no such job."""
        pipeline = self._redis.pipeline(transaction=False)
        for job in jobs:
            pipeline.hmget(self._key("job", job), names)
        return pipeline.execute()

    def jobs(self, tenant: str, *, before: str | None = None, limit: int = 50) -> list[str]:
        """Return a tenant's job ids from the highest down, those below `before` if given."""
        newest = f"({before}" if before else "+"
        index = self._key("jobs", tenant)
        found: list[str] = self._redis.zrevrangebylex(index, newest, "-", 0, limit)  # type: ignore[assignment]  # sync client
        return found

    def units(self, job: str, stage: str | None = None) -> list[Unit]:
        """Return a job's units, of one stage if given, in the order they were created."""
        names: list[str] = self._redis.lrange(self._key("job", job, "units"), 0, -1)  # type: ignore[assignment]  # sync client
        wanted = [name for name in names if stage is None or name.split(":")[1] == stage]
        pipeline = self._redis.pipeline(transaction=False)
        for name in wanted:
            pipeline.hgetall(self._key("unit", name))
        return [
            _unit(name, fields) for name, fields in zip(wanted, pipeline.execute(), strict=True) if fields
        ]

    def unit(self, unit: str) -> Unit | None:
        """Return one unit, None if there is no such unit."""
        fields: dict[str, str] = self._redis.hgetall(self._key("unit", unit))  # type: ignore[assignment]  # sync client
        return _unit(unit, fields) if fields else None

    def stages(self) -> dict[str, dict[str, int]]:
        """Return per stage how many units are ready, leased, and done so far, and how much audio they cover.

        The counts are "ready", "leased" and "done", the audio "ready_ms", "leased_ms" and "done_ms".
        "served_ms" is how long the done ones held slots of model servers.
        """
        counts: dict[str, str] = self._redis.hgetall(self._key("stages"))  # type: ignore[assignment]  # sync client
        table: dict[str, dict[str, int]] = {}
        for name, value in counts.items():
            stage, _, state = name.partition(":")
            table.setdefault(stage, {})[state] = int(value)
        return table

    def waiting(self) -> dict[str, int]:
        """Return per service how many units wait for a worker, without those whose time has not come."""
        counts: dict[str, str] = self._redis.hgetall(self._key("waiting"))  # type: ignore[assignment]  # sync client
        return {service: int(count) for service, count in counts.items()}

    # Units

    def claim(self, service: str) -> Claim | None:
        """Take a service's next unit, None when none is ready.

        Interactive jobs come before batch ones, tenants take turns, a tenant's oldest job is first.
        """
        answer = self._run("claim", service, uuid.uuid4().hex, self.policy.lease_ms)
        if answer[0] != "claimed":
            return None
        unit, job, stage, index, attempt, failures, payload, audio_ms, waited_ms, *of_job, inputs = answer[1:]
        tenant, spec, trace = of_job
        return Claim(
            unit=unit,
            job=job,
            stage=stage,
            index=index,
            attempt=int(attempt),
            failures=int(failures),
            audio_ms=int(audio_ms),
            waited_ms=int(waited_ms),
            tenant=tenant,
            trace=trace,
            spec=json.loads(spec),
            payload=json.loads(payload),
            inputs={name: json.loads(output) for name, output in zip(inputs[::2], inputs[1::2], strict=True)},
        )

    def renew(self, claim: Claim) -> Renewal:
        """Prolong a lease; when it was lost or the job cancelled, it is not held, and the work must stop."""
        answer, cancelled_ms = self._run("renew", claim.unit, claim.attempt, self.policy.lease_ms)
        return Renewal(answer == "held", int(cancelled_ms))

    def complete(self, claim: Claim, output: Output, served_ms: int = 0) -> tuple[Hint, ...]:
        """Store a unit's output, once, and make ready what waited for it.

        Args:
            claim: The unit.
            output: What it produced.
            served_ms: How long it held slots of model servers, for the stage's speed.

        Raises:
            Cancelled: the claim no longer holds; the output must be thrown away.
        """
        children = [
            part
            for child in output.children
            for part in (child.index, json.dumps(child.payload), child.audio_ms)
        ]
        audio_ms = "" if output.audio_ms is None else output.audio_ms
        document = json.dumps(output.document)
        return self._settle("complete", claim, document, served_ms, audio_ms, output.stored_bytes, *children)

    def fail(self, claim: Claim, failure: Failure) -> tuple[Hint, ...]:
        """Give a unit back for another attempt, or end it.

        Raises:
            Cancelled: the claim no longer holds.
        """
        return self._settle(
            "fail",
            claim,
            failure.code,
            failure.detail,
            int(failure.retryable),
            failure.cost,
            failure.delay_ms,
            self.policy.max_losses,
            self.policy.patience_ms,
        )

    def due(self, limit: int) -> Due:
        """Make ready what has waited for its time, and end the leases that ran out."""
        services, expired = self._run("due", limit, self.policy.max_losses)
        return Due(_hints(services), int(expired))

    # Events

    def take_events(self, limit: int) -> list[Event]:
        """Return what is in the outbox; it is this caller's for `policy.hold_ms`, then it comes again."""
        return [Event(**json.loads(event)) for event in self._run("take_events", limit, self.policy.hold_ms)]

    def delivered(self, event: Event) -> None:
        """Take an event out of the outbox."""
        with self._redis.pipeline() as pipeline:
            pipeline.zrem(self._key("outbox"), event.id)
            pipeline.hdel(self._key("events"), event.id)
            pipeline.execute()

    def identity(self) -> str:
        """Return a random text that this Redis keeps for as long as it keeps its memory."""
        key = self._key("identity")
        self._redis.set(key, uuid.uuid4().hex, nx=True)
        return str(self._redis.get(key))

    def lock(self, name: str, seconds: float, holder: str = "") -> bool:
        """Take a task of which one copy is enough; it is nobody else's for `seconds`.

        False when it is taken, unless by the same named holder, who keeps it. Two holders at once are
        unlikely, not impossible.
        """
        key, duration_ms = self._key("lock", name), round(seconds * 1000)
        if self._redis.set(key, holder, nx=True, px=duration_ms):
            return True
        return bool(holder and self._redis.get(key) == holder and self._redis.pexpire(key, duration_ms))

    def _settle(self, script: str, claim: Claim, *arguments: str | int) -> tuple[Hint, ...]:
        answer, services = self._run(script, claim.unit, claim.attempt, *arguments)
        if answer != "held":
            raise Cancelled("The job was cancelled, or another worker took this unit over.", code=answer)
        return _hints(services)

    def _run(self, script: str, *arguments: str | float) -> Any:
        return self._scripts[script](keys=[self._prefix], args=arguments)

    def _key(self, *parts: str) -> str:
        return self._prefix + ":".join(parts)


def _hints(services: Sequence[str]) -> tuple[Hint, ...]:
    return tuple(Hint(service) for service in services)


def _unit(name: str, fields: Mapping[str, str]) -> Unit:
    output = fields.get("output")
    return Unit(
        unit=name,
        stage=fields["stage"],
        index=fields["index"],
        state=fields["state"],
        attempt=int(fields["attempt"]),
        payload=json.loads(fields["payload"]),
        audio_ms=int(fields.get("audio_ms", 0)),
        output=json.loads(output) if output else None,
        error_code=fields.get("error_code"),
        error_detail=fields.get("error_detail"),
    )


def _flat(fields: Mapping[str, str]) -> Iterable[str]:
    return (text for pair in fields.items() for text in pair)
