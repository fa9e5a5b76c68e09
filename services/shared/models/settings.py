"""Settings of bringing models from a hub; only `dragoman models` reads them."""

from __future__ import annotations

from pydantic import Field, SecretStr

from services.shared.config import Settings


class HubSettings(Settings):
    """Where models of a hub come from."""

    hub_url: str | None = Field(
        None,
        pattern=r"^https?://[^@]+$",
        description="Address of the model hub, or of a mirror with the same API; there is none by default.",
    )
    hub_token: SecretStr | None = Field(
        None, description="Token for models that the hub does not give to all."
    )
