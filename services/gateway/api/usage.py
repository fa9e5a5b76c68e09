"""The route of /v1/usage: what a tenant used, per stage and day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from services.gateway.access.model import Caller, Scope
from services.gateway.api.context import Wired, check_scope, permits
from services.gateway.api.moments import Day
from services.gateway.api.tenants import Known
from services.gateway.jobs.spec import FieldError, InvalidFields
from services.shared.ledger.accounts import Use

MAX_DAYS: Final = 400

router = APIRouter(tags=["access"])


class StageUseView(BaseModel):
    """What was used of a stage: units that were done, audio that they covered, time in model servers."""

    stage: str
    units: int
    audio_ms: int
    served_ms: int


class DayView(BaseModel):
    """What was used on a day (UTC)."""

    date: date
    stages: list[StageUseView]


class ReportView(BaseModel):
    """What a tenant used from one day to another, both included; days without use are left out."""

    model_config = ConfigDict(serialize_by_alias=True, populate_by_name=True)

    tenant: str
    first: date = Field(alias="from")
    last: date = Field(alias="to")
    storage_bytes: int
    stages: list[StageUseView]
    days: list[DayView]


@router.get("/v1/usage")
def usage(
    context: Wired,
    caller: Annotated[Caller, Depends(permits(Scope.JOBS_READ))],
    tenants: Known,
    first: Annotated[
        Day | None, Query(alias="from", description="This month's first day if left out.")
    ] = None,
    last: Annotated[Day | None, Query(alias="to", description="Today if left out.")] = None,
    tenant: Annotated[str | None, Query(description="Another one, for administrators.")] = None,
) -> ReportView:
    """Return what a tenant used; what it keeps now stands beside it."""
    if tenant not in (None, caller.tenant):
        check_scope(caller, Scope.ADMIN)
    first, last = _period(first, last)
    name = tenant or caller.tenant
    context.meter.flush()
    report = tenants.report(name, first, last)
    return ReportView(
        tenant=name,
        first=first,
        last=last,
        storage_bytes=report.stored_bytes,
        stages=_stages(report.stages),
        days=[DayView(date=day, stages=_stages(stages)) for day, stages in report.days.items()],
    )


def _period(first: date | None, last: date | None) -> tuple[date, date]:
    last = last or datetime.now(UTC).date()
    first = first or last.replace(day=1)
    if first > last:
        raise _wrong("from", "lies after to")
    if last - first >= timedelta(MAX_DAYS):
        raise _wrong("to", f"lies more than {MAX_DAYS} days after from, which is as long as use is kept")
    return first, last


def _wrong(field: str, message: str) -> InvalidFields:
    return InvalidFields("request", (FieldError(field, message),), code="invalid_parameter")


def _stages(stages: Mapping[str, Use]) -> list[StageUseView]:
    return [StageUseView(stage=stage, **asdict(use)) for stage, use in stages.items()]
