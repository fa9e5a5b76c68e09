"""The CLI's own settings, beside those that every process shares."""

from __future__ import annotations

from pydantic import Field, SecretStr

from services.shared.config import Port, Settings


class CliSettings(Settings):
    """What `dragoman` needs to start a stack and to talk to one."""

    redis_port: Port = Field(6399, description="Port of the Redis that `dragoman up` starts.")
    up_timeout_s: float = Field(180.0, gt=0, description="Time `dragoman up` gives the stack to get ready.")
    autoscale_replicas: int = Field(
        4, ge=1, le=10, description="Most servers, and most workers, of one service on this machine."
    )
    autoscale_cores: int | None = Field(
        None, ge=1, description="Slots that all model servers of this machine may have; its cores when unset."
    )
    autoscale_reserve_bytes: int = Field(
        1024**3, ge=0, description="Memory that must be left for another model server to be started."
    )
    autoscale_interval_s: float = Field(5.0, gt=0, description="How often a scaler asks for the sizes.")
    autoscale_compose: str = Field(
        "docker compose", description="Command by which `dragoman autoscale --compose` runs compose."
    )
    gateway_url: str | None = Field(
        None, description="Gateway to talk to; the one of this machine's stack when unset."
    )
    api_key: SecretStr | None = Field(
        None, description="Key for the gateway; the admin key in the home folder when unset."
    )

    @property
    def brings_own_redis(self) -> bool:
        """Whether the user named a Redis, so that none is to be started."""
        return "redis_url" in self.model_fields_set

    @property
    def local_host(self) -> str:
        """The address at which this machine reaches its own gateway."""
        return "127.0.0.1" if self.http_host == "0.0.0.0" else self.http_host

    @property
    def base_url(self) -> str:
        """The gateway's address, without a trailing slash."""
        return (self.gateway_url or f"http://{self.local_host}:{self.http_port}").rstrip("/")
