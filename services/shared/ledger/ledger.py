"""The unit ledger: the truth about jobs and units, kept in Redis by atomic scripts.

A Celery message is only a hint. The ledger decides who may run a unit (claim, with a fencing
token), what its output is (complete, once), and what becomes ready next. No script waits, none
trusts a clock other than Redis TIME, and each may be repeated after a lost reply.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any, Final

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from services.shared.errors import Cancelled
from services.shared.ledger.records import Claim, Due, Failure, NewJob, Output, Policy, Unit
from services.shared.tasks import Hint

_SCRIPTS: Final = (
    "submit", "claim", "renew", "complete", "fail", "cancel", "due", "take_finishing", "finish", "erase",
)  # fmt: skip


def connect(url: str, retries: int = 6) -> redis.Redis:
    """Open a pool to Redis that retries over short outages.

    Args:
        url: redis://, rediss:// or unix:// URL.
        retries: After a failed command; 6 wait for about 3 s in all.
    """
    retry = Retry(ExponentialBackoff(cap=1.0, base=0.05), retries=retries)
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        retry=retry,
        socket_connect_timeout=5,
        socket_timeout=30,
        health_check_interval=25,
    )


class Ledger:
    """Jobs and units.

    Args:
        client: Redis with decode_responses.
        prefix: Of every key.
        policy: Times and caps.
    """

    def __init__(self, client: redis.Redis, prefix: str, policy: Policy | None = None) -> None:
        self._redis = client
        self._prefix = prefix
        self.policy = policy or Policy()
        folder = resources.files("services.shared.ledger") / "scripts"
        library = (folder / "lib.lua").read_text()
        self._scripts = {
            name: client.register_script(library + (folder / f"{name}.lua").read_text()) for name in _SCRIPTS
        }

    # Jobs

    def submit(self, new: NewJob) -> list[Hint]:
        """Write a whole job with its first units; a job that is already there stays as it is.

        Returns:
            The hints to send now.
        """
        graph = [{"stage": stage, "scope": scope} for stage, scope in new.graph]
        fields = {
            "tenant": new.tenant,
            "kind": new.kind,
            "priority": new.priority,
            "graph": json.dumps(graph),
            "spec": json.dumps(new.spec),
            "metadata": json.dumps(dict(new.metadata)),
        }
        _, units = self._run("submit", new.job, self.policy.resend_ms, "{}", *_flat(fields))
        return [_hint(unit, new.priority) for unit in units]

    def cancel(self, job: str) -> str:
        """Start to cancel a job; return the state it is in now, or "gone"."""
        return str(self._run("cancel", job, self.policy.resend_ms))

    def take_finishing(self, limit: int) -> list[str]:
        """Return jobs with no open unit; they are this caller's for `policy.hold_ms`."""
        return [str(job) for job in self._run("take_finishing", limit, self.policy.hold_ms)]

    def wait_for_work(self, timeout_s: float) -> None:
        """Sleep until a job may be finished, at most `timeout_s`."""
        self._redis.blpop([self._key("wake")], timeout=timeout_s)

    def ping(self) -> None:
        """Raise redis.RedisError when Redis cannot be reached."""
        self._redis.ping()

    def finish(self, job: str, state: str, fields: Mapping[str, str]) -> bool:
        """Give a job its final state, once; False if somebody else did."""
        return bool(self._run("finish", job, state, *_flat(fields)))

    def erase(self, job: str) -> str:
        """Forget a finished job: "erased", "running" or "gone"."""
        return str(self._run("erase", job))

    def job(self, job: str) -> dict[str, str] | None:
        """Return a job's raw fields, None if there is no such job."""
        fields: dict[str, str] = self._redis.hgetall(self._key("job", job))  # type: ignore[assignment]  # sync client
        return fields or None

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
        """Return per stage how many units are ready, leased, and done so far."""
        counts: dict[str, str] = self._redis.hgetall(self._key("stages"))  # type: ignore[assignment]  # sync client
        table: dict[str, dict[str, int]] = {}
        for name, value in counts.items():
            stage, _, state = name.partition(":")
            table.setdefault(stage, {})[state] = int(value)
        return table

    # Units

    def claim(self, unit: str) -> Claim | None:
        """Take a unit, or None when it is not to be had: done, held by another, cancelled, not yet due."""
        holder = uuid.uuid4().hex
        policy = self.policy
        answer = self._run("claim", unit, holder, policy.lease_ms, policy.resend_ms, policy.max_failures)
        if answer[0] != "claimed":
            return None
        job, stage, index, attempt, failures, payload, tenant, priority, spec, inputs = answer[1:]
        return Claim(
            unit=unit,
            job=job,
            stage=stage,
            index=index,
            attempt=int(attempt),
            failures=int(failures),
            tenant=tenant,
            priority=priority,
            spec=json.loads(spec),
            payload=json.loads(payload),
            inputs={name: json.loads(output) for name, output in zip(inputs[::2], inputs[1::2], strict=True)},
        )

    def renew(self, claim: Claim) -> bool:
        """Prolong a lease; False when it is lost or the job cancelled, so that the work must stop."""
        return str(self._run("renew", claim.unit, claim.attempt, self.policy.lease_ms)) == "held"

    def complete(self, claim: Claim, output: Output) -> list[Hint]:
        """Store a unit's output, once, and make ready what waited for it.

        Raises:
            Cancelled: the claim no longer holds; the output must be thrown away.
        """
        children = [text for child in output.children for text in (child.index, json.dumps(child.payload))]
        document = json.dumps(output.document)
        return self._settle(
            claim, "complete", claim.unit, claim.attempt, document, self.policy.resend_ms, *children
        )

    def fail(self, claim: Claim, failure: Failure) -> list[Hint]:
        """Give a unit back for another attempt, or end it.

        Raises:
            Cancelled: the claim no longer holds.
        """
        return self._settle(
            claim,
            "fail",
            claim.unit,
            claim.attempt,
            failure.code,
            failure.detail,
            int(failure.retryable),
            int(failure.burns),
            failure.delay_ms,
            self.policy.resend_ms,
            self.policy.max_failures,
        )

    def due(self, limit: int) -> Due:
        """Take what somebody must look at: hints to send again and leases that ran out."""
        policy = self.policy
        units, expired = self._run("due", limit, policy.resend_ms, policy.most_resend_ms, policy.max_failures)
        return Due(tuple(_hint(unit, self._priority(unit)) for unit in units), int(expired))

    def _settle(self, claim: Claim, script: str, *arguments: str | int) -> list[Hint]:
        answer, units = self._run(script, *arguments)
        if answer != "held":
            raise Cancelled("The job was cancelled, or another worker took this unit over.", code=answer)
        return [_hint(unit, claim.priority) for unit in units]

    def _priority(self, unit: str) -> str:
        return str(self._redis.hget(self._key("job", unit.partition(":")[0]), "priority"))

    def _run(self, script: str, *arguments: str | float) -> Any:
        return self._scripts[script](keys=[self._prefix], args=arguments)

    def _key(self, *parts: str) -> str:
        return self._prefix + ":".join(parts)


def _hint(unit: str, priority: str) -> Hint:
    return Hint(stage=unit.split(":")[1], unit=unit, priority=priority)


def _unit(name: str, fields: Mapping[str, str]) -> Unit:
    output = fields.get("output")
    return Unit(
        unit=name,
        stage=fields["stage"],
        index=fields["index"],
        state=fields["state"],
        payload=json.loads(fields["payload"]),
        output=json.loads(output) if output else None,
        error_code=fields.get("error_code"),
        error_detail=fields.get("error_detail"),
    )


def _flat(fields: Mapping[str, str]) -> Iterable[str]:
    return (text for pair in fields.items() for text in pair)
