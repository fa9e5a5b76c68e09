"""A real S3 server over HTTP on the loopback, with one bucket in it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx
from moto.server import ThreadedMotoServer

from services.shared.config import Settings

BUCKET: Final = "calls"


@contextmanager
def running() -> Iterator[str]:
    """Serve an S3 with an empty bucket; yield its address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        address = f"http://{host}:{port}"
        httpx.put(f"{address}/{BUCKET}", trust_env=False).raise_for_status()
        yield address
    finally:
        server.stop()


def settings(address: str, folder: str, **others: Any) -> Settings:
    """Return the settings of an installation that keeps its artifacts in a folder of the bucket."""
    values = {
        "artifacts_url": f"s3://{BUCKET}/{folder}",
        "s3_endpoint": address,
        "s3_access_key_id": "key",
        "s3_secret_access_key": "secret",
    }
    return Settings.model_validate(values | others)
