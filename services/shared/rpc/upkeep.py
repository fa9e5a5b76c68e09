"""What a model server does now and then: lets idle models go, and gives memory back after work."""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable
from typing import Any, Final

from services.shared import telemetry
from services.shared.residents import Residents
from services.shared.rpc.admission import Admission

_INTERVAL_S: Final = 5.0


async def keep(admission: Admission, residents: Residents[Any, Any] | None) -> None:
    """Look after a server for as long as it runs.

    Args:
        admission: Says when there is nothing to do.
        residents: Whose idle ones are let go; None where there are none.
    """
    trim, trimmed_at = _trimmer(), -1
    while True:
        await asyncio.sleep(_INTERVAL_S)
        begun, idle = admission.begun, not admission.admitted
        try:
            if residents is not None:
                await asyncio.to_thread(residents.sweep)
            # Once after work: what inference needed for a moment stays the allocator's until it is told.
            if idle and begun != trimmed_at:
                await asyncio.to_thread(trim)
                trimmed_at = begun
        except Exception as error:  # noqa: BLE001 - a later round may do better
            telemetry.logger().exception("upkeep failed", error=type(error).__name__)


def _trimmer() -> Callable[[], object]:
    """Return what gives free memory back to the system; nothing where the C library cannot."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return lambda: None
    return lambda: trim(0)
