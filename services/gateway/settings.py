"""The gateway's knobs."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from services.shared.config import Settings


class GatewaySettings(Settings):
    """What only the gateway needs to know."""

    gateway_max_upload_bytes: int = Field(
        2 * 1024**3, ge=1024, description="Largest request body that is taken."
    )
    gateway_max_backlog_jobs: int = Field(
        10_000, ge=1, description="Most unfinished jobs; a new one is refused until some end."
    )
    gateway_max_tenant_backlog_jobs: int = Field(
        2_000, ge=1, description="Most unfinished jobs of one tenant."
    )
    gateway_capabilities_s: float = Field(
        30.0, gt=0, description="Age at which what a model service said it can do is asked again."
    )
    gateway_health_timeout_s: float = Field(
        2.0, gt=0, le=30, description="Wait for one component's health, and for its capabilities."
    )
    gateway_events_poll_s: float = Field(
        0.5, gt=0, le=10, description="How often an event stream looks for a change."
    )
    gateway_heartbeat_s: float = Field(
        15.0, gt=0, le=60, description="Silence after which an event stream sends a comment, for proxies."
    )
    scaling_stale_s: float = Field(
        60.0, gt=0, description="Age at which a decision on sizes no longer counts: the reconciler is gone."
    )

    @property
    def admin_key_file(self) -> Path:
        """The file that holds the administrator's API key."""
        return self.home / "admin.key"
