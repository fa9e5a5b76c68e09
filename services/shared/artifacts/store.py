"""Opens the artifact store that the settings name."""

from __future__ import annotations

from services.shared.artifacts.local import LocalArtifacts
from services.shared.artifacts.sealed import Artifacts
from services.shared.config import Settings

__all__ = ["Artifacts", "LocalArtifacts", "open_store"]


def open_store(settings: Settings) -> Artifacts:
    """Open the store: a folder of this machine, or a bucket that speaks S3.

    Raises:
        Misconfigured: only half of the S3 keys is set.
    """
    if settings.artifacts_url is None:
        return LocalArtifacts(settings.artifacts_dir, settings.artifacts_reserve_bytes)
    # A library of 40 MB, for those who need it.
    from services.shared.artifacts.s3 import S3Blobs  # noqa: PLC0415 - for that reason

    return Artifacts(S3Blobs(settings))
