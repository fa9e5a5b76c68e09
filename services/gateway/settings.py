"""The gateway's knobs."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from services.shared.config import Settings


class WebhookSettings(Settings):
    """What the gateway and the reconciler need to know of webhooks."""

    webhooks_hosts: str = Field(
        "", description="Hosts and *.domains that webhooks may be at, with commas; any public one when empty."
    )
    webhooks_schedule_s: str = Field(
        "0,5,300,1800,7200,18000,36000,50400,72000,86400",
        description="Waits before each attempt at a delivery; after the last one it has failed.",
    )
    webhooks_timeout_s: float = Field(20.0, gt=0, le=60, description="Most seconds for one attempt.")
    webhooks_concurrency: int = Field(
        16, ge=1, le=256, description="Deliveries that one reconciler makes at once."
    )
    webhooks_disable_after_s: float = Field(
        432_000.0, gt=0, description="An endpoint that took nothing for so long is disabled."
    )
    webhooks_max_deliveries: int = Field(
        10_000, ge=1, description="Deliveries kept of one endpoint; the oldest ones are forgotten."
    )


class GatewaySettings(WebhookSettings):
    """What only the gateway needs to know."""

    gateway_max_upload_bytes: int = Field(
        2 * 1024**3, ge=1024, description="Largest request body that is taken."
    )
    gateway_upload_ttl_s: float = Field(
        86_400.0, gt=0, description="For how long a resumable upload is kept after the last of it came."
    )
    gateway_header_s: float = Field(
        10.0, gt=0, le=600, description="Time in which the headers of a request must have come."
    )
    gateway_body_idle_s: float = Field(
        30.0, gt=0, le=3600, description="Time in which some more of a request's body must have come."
    )
    gateway_max_requests: int = Field(
        2_000, ge=1, description="Requests, event streams among them, that one gateway serves at once."
    )
    gateway_cors_origins: str = Field(
        "", description="Origins of web pages that may call the gateway, separated by commas."
    )
    gateway_behind_tls: bool = Field(
        default=False,
        description="Whether clients reach the gateway by https only: browsers are told to keep to that.",
    )
    gateway_max_direct_bytes: int = Field(
        100 * 1024**2, ge=1024, description="Largest file that the OpenAI-compatible routes take."
    )
    gateway_max_direct_s: int = Field(
        1_800, ge=1, description="Most seconds of audio that they transcribe; longer ones are jobs."
    )
    gateway_direct_deadline_s: float = Field(
        600.0, gt=0, description="Most seconds that they take for one request."
    )
    gateway_direct_parallel: int = Field(
        4, ge=1, le=64, description="Regions of speech of one request that are transcribed at once."
    )
    gateway_max_backlog_jobs: int = Field(
        10_000, ge=1, description="Most unfinished jobs; a new one is refused until some end."
    )
    gateway_max_tenant_backlog_jobs: int = Field(
        2_000, ge=1, description="Most unfinished jobs of one tenant."
    )
    gateway_requests_per_minute: int = Field(
        120_000, ge=0, description="Requests of one tenant per minute; 0 for no limit."
    )
    gateway_concurrent_requests: int = Field(
        100,
        ge=0,
        description="Requests of one tenant at once to routes that call model servers; 0 for no limit.",
    )
    gateway_storage_bytes: int = Field(
        0, ge=0, description="Bytes that the jobs and open uploads of one tenant may keep; 0 for no limit."
    )
    gateway_audio_minutes_per_month: int = Field(
        0, ge=0, description="Audio of one tenant per calendar month (UTC); 0 for no limit."
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
