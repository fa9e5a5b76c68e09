"""Frozen settings; the only module that reads the environment (DRAGOMAN_*)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from services.shared.errors import Misconfigured

Port = Annotated[int, Field(ge=1, le=65535)]
S = TypeVar("S", bound="Settings")


class Settings(BaseSettings):
    """What every process of an installation shares. Rooms subclass it for their own knobs."""

    model_config = SettingsConfigDict(env_prefix="DRAGOMAN_", frozen=True, extra="ignore")

    home: Path = Field(Path("var"), description="Folder for state: artifacts, logs, keys, Redis data.")
    models_dir: Path = Field(
        Path.home() / ".cache" / "dragoman" / "models", description="Folder that holds the model sets."
    )
    host: str = Field(
        "127.0.0.1", pattern=r"^[^:]+$", description="IPv4 address or name that the model servers listen on."
    )

    outbound_ports: str = Field(
        "443,8443", description="Ports that URLs of clients may name, separated by commas."
    )
    outbound_trusted: str = Field(
        "",
        description="Hosts, *.domains and networks that URLs of clients may name though they are not public:"
        " at any port, and by http too.",
    )
    outbound_ca_file: Path | None = Field(
        None, description="PEM file of authorities that URLs of clients may rely on beside the usual ones."
    )
    outbound_proxy: SecretStr | None = Field(
        None,
        description="http://[user:password@]host:port of the proxy for URLs of clients; it decides then which"
        " addresses are open.",
    )

    fetch_allowed_hosts: str = Field(
        "",
        description="Hosts, *.domains or * that a job's source_url may name, separated by commas;"
        " no job may have one when empty.",
    )
    fetch_max_bytes: int = Field(2 * 1024**3, gt=0, description="Largest file that is fetched from a URL.")
    fetch_timeout_s: float = Field(
        600.0, gt=0, le=3600, description="Time in which a file must have come from its URL."
    )

    redis_url: str = Field(
        "redis://127.0.0.1:6399/0", pattern="^(rediss?|unix|sentinels?)://", description="The ledger's Redis."
    )
    broker_url: str | None = Field(
        None,
        pattern=r"^[a-z+]+://",
        description="Celery's broker, such as amqp:// or any form of the ledger's URL; that one when unset.",
    )
    key_prefix: str = Field("dragoman:", description="Prefix of every Redis key.")

    artifacts_url: str | None = Field(
        None,
        pattern=r"^s3://[a-z0-9][a-z0-9.-]+(/[A-Za-z0-9._/-]*)?$",
        description="Bucket for artifacts, such as s3://bucket/folder; a folder of the home when unset.",
    )
    artifacts_reserve_bytes: int = Field(
        256 * 1024**2,
        ge=0,
        description="Disk space that artifacts leave free: a full disk would end the embedded Redis.",
    )
    s3_endpoint: str | None = Field(
        None, pattern=r"^https?://[^@]+$", description="Address of an S3 store that is not Amazon's."
    )
    s3_region: str = Field("us-east-1", description="Region of the bucket.")
    s3_access_key_id: str | None = Field(
        None, description="S3 key; the AWS variables or the machine's role when unset."
    )
    s3_secret_access_key: SecretStr | None = Field(None, description="Secret that goes with the S3 key.")

    http_host: str = Field(
        "127.0.0.1", pattern=r"^[^:]+$", description="IPv4 address or name that the gateway listens on."
    )
    http_port: Port = Field(8080, description="The gateway's HTTP port.")
    asr_port: Port = Field(50051, description="Port of the ASR server.")
    translation_port: Port = Field(50052, description="Port of the translation server.")
    tts_port: Port = Field(50053, description="Port of the TTS server.")
    codec_port: Port = Field(50054, description="Port of the codec server.")

    asr_target: str | None = Field(
        None, description="gRPC target of the ASR service, such as dns:///asr:50051."
    )
    translation_target: str | None = Field(None, description="gRPC target of the translation service.")
    tts_target: str | None = Field(None, description="gRPC target of the TTS service.")
    codec_target: str | None = Field(None, description="gRPC target of the codec service.")

    tls_dir: Path | None = Field(
        None,
        description="Folder with tls.crt, tls.key, ca.crt: services then talk by mutual TLS or not at all.",
    )

    models_idle_s: float = Field(
        0.0,
        ge=0,
        description="After which an unused model is let go, but for the first one; 0 keeps all.",
    )
    models_memory_bytes: int = Field(
        0, ge=0, description="Weights that one server keeps in memory, as on disk; 0 is no bound."
    )

    health_port: Port | None = Field(
        None, description="Port for grpc.health.v1 without TLS, for probes; one per process."
    )
    metrics_port: Port | None = Field(None, description="Port for /metrics; one per process.")
    otlp_endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^@]+$",
        description="Where traces go by OTLP over HTTP, such as http://collector:4318; nowhere when unset.",
    )
    trace_ratio: float = Field(1.0, ge=0, le=1, description="Share of the jobs and requests that are traced.")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="Lowest level logged.")
    lease_s: float = Field(
        30.0, ge=1, le=3600, description="After which a silent worker's unit goes to another one."
    )
    sweep_interval_s: float = Field(
        3600.0, gt=0, description="How often stored files that belong to nothing are looked for."
    )
    sweep_age_s: float = Field(3600.0, ge=0, description="Age at which such a file is deleted.")
    unit_deadline_s: float = Field(600.0, gt=0, description="Most seconds that a worker waits for one call.")
    drain_s: float = Field(20.0, ge=0, le=3600, description="Time given to running work on SIGTERM.")

    @property
    def artifacts_dir(self) -> Path:
        """Folder of the artifact store, unless artifacts_url names a bucket."""
        return self.home / "artifacts"

    def port_of(self, service: str) -> int:
        """Return the gRPC port of one of the four model services."""
        return int(getattr(self, f"{service}_port"))

    def target_of(self, service: str) -> str:
        """Return the gRPC target of one of the four model services."""
        target: str | None = getattr(self, f"{service}_target")
        return target or f"{self.host}:{self.port_of(service)}"


def load(kind: type[S]) -> S:
    """Read settings of `kind` from the environment.

    Raises:
        Misconfigured: a variable is wrong; the detail names each one without its value.
    """
    try:
        return kind()
    except ValidationError as error:
        wrong = "; ".join(
            f"DRAGOMAN_{'_'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
            for problem in error.errors(include_input=False)
        )
        raise Misconfigured(f"Settings are wrong: {wrong}") from None
    except SettingsError as error:
        # Its text names the field and not the value; the cause would quote the value.
        raise Misconfigured(f"Settings are wrong: {error}") from None
