"""What both codec stages put into their calls."""

from __future__ import annotations

from protos.v1 import common_pb2
from services.shared.stage import Work


def context(work: Work) -> common_pb2.RequestContext:
    """Say on whose behalf a unit calls."""
    return common_pb2.RequestContext(request_id=work.request_id, tenant=work.claim.tenant)
