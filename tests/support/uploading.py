"""Steps of a client of resumable uploads, and a look at what is stored of them."""

from __future__ import annotations

import base64
import hashlib
from pathlib import PurePosixPath
from typing import Any

import httpx

from services.shared.artifacts.base import ArtifactStore
from services.shared.artifacts.store import open_store
from tests.support.desk import Desk

TUS = {"tus-resumable": "1.0.0"}
OFFSET_TYPE = {"content-type": "application/offset+octet-stream"}


async def begin(client: httpx.AsyncClient, size: int, **headers: str) -> str:
    """Begin an upload; return its path."""
    answer = await client.post("/v1/uploads", headers={"upload-length": str(size), **headers})
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


async def patch(
    client: httpx.AsyncClient, path: str, offset: int, body: Any, **headers: str
) -> httpx.Response:
    given = {**OFFSET_TYPE, "upload-offset": str(offset), **headers}
    return await client.patch(path, content=body, headers=given)


async def offset_of(client: httpx.AsyncClient, path: str) -> int:
    answer = await client.head(path)
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])


def artifacts(house: Desk) -> ArtifactStore:
    return open_store(house.settings)


def stored(house: Desk) -> list[PurePosixPath]:
    return [PurePosixPath(each.key) for each in artifacts(house).list()]


def content_of(house: Desk, path: str) -> bytes:
    """Return what is stored of an upload of the administrator's."""
    uploads = house.context.uploads
    assert uploads is not None
    with uploads.taken("default", path.rpartition("/")[2]) as taken:
        return b"".join(taken.content())


def checksum(algorithm: str, body: bytes) -> dict[str, str]:
    digest = base64.b64encode(hashlib.new(algorithm, body).digest()).decode()
    return {"upload-checksum": f"{algorithm} {digest}"}
