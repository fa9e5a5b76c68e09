"""Pulls a model from a hub: asks what it holds, brings and checks each file, puts all in place at once."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
from pydantic import BaseModel, Field, ValidationError

from services.shared.errors import Misconfigured, NotFound, Unauthorized, Unavailable
from services.shared.models.catalogue import sha256_of
from services.shared.models.download import Target, client, download
from services.shared.models.manifest import InsidePath, Sha256
from services.shared.models.places import HUB, HUB_NAME
from services.shared.models.pull import Progress, only_one
from services.shared.models.settings import HubSettings

# Beside a pulled model's files: where they came from, and what they hash to.
ORIGIN: Final = ".origin.json"
_REVISION: Final = re.compile(r"[\w][\w./-]*")
# The same weights for frameworks that nothing here runs, and what is no model at all.
_USELESS: Final = (".h5", ".msgpack", ".ot", ".tflite", ".mlmodel", ".md", ".png", ".jpg", ".gif", ".pdf")
_PICKLED: Final = re.compile(r"(^|/)pytorch_model[^/]*\.bin(\.index\.json)?$")


class _Large(BaseModel):
    sha256: Sha256


class _File(BaseModel):
    """One file as the hub tells it."""

    path: InsidePath = Field(alias="rfilename")
    size_bytes: int = Field(alias="size", ge=0)
    git_id: str = Field(alias="blobId", pattern=r"^[0-9a-f]{40}$")
    large: _Large | None = Field(None, alias="lfs")

    def target(self, folder: Path) -> Target:
        """Return where it goes, and how it is checked: large files by sha256, small ones by git's hash."""
        path = folder / self.path
        if self.large is not None:
            return Target(path, self.large.sha256, self.size_bytes)
        return Target(path, self.git_id, self.size_bytes, git_id_of)


class _Listing(BaseModel):
    revision: str = Field(alias="sha", pattern=r"^[0-9a-f]{40}$")
    files: tuple[_File, ...] = Field(alias="siblings")


@dataclass(frozen=True, slots=True)
class HubModel:
    """A pulled model.

    Attributes:
        name: owner/name.
        revision: The hub's, 40 hex digits.
        size_bytes: Of all files.
    """

    name: str
    revision: str
    size_bytes: int


def is_hub_name(text: str) -> bool:
    """Say whether a text is owner/name or owner/name@revision."""
    name, _, revision = text.partition("@")
    return bool(HUB_NAME.fullmatch(name)) and (not revision or bool(_REVISION.fullmatch(revision)))


def pull_model(wanted: str, settings: HubSettings, progress: Progress) -> HubModel | None:
    """Bring owner/name[@revision] into the hub's folder of the models folder, in place of another revision.

    Every file is checked by the hash that the hub told. What an earlier try brought is not brought again.

    Returns:
        The model; None when that revision is here already.

    Raises:
        Misconfigured: no_hub, hub_answer, wrong_hash, disk_full or models_dir_unwritable.
        NotFound: the hub has no such model or revision (unknown_hub_model).
        Unauthorized: the hub does not give it to us (hub_refused).
        Unavailable: the hub cannot be reached (hub_unavailable), or a download failed; pull again to go on.
    """
    if settings.hub_url is None:
        raise Misconfigured("Set DRAGOMAN_HUB_URL to the address of a model hub.", code="no_hub")
    name, _, revision = wanted.partition("@")
    with only_one(settings.models_dir, progress), _session(settings) as http:
        base = settings.hub_url.rstrip("/")
        listing = _listing(http, f"{base}/api/models/{name}/revision/{quote(revision or 'main', safe='')}")
        files = [file for file in listing.files if _is_wanted(file.path, listing)]
        place = settings.models_dir / HUB / name
        if _origin(place).get("revision") == listing.revision:
            return None
        # The revision in its name: another one's files are never taken for this one's.
        scratch = settings.models_dir / HUB / f".{name.replace('/', '--')}-{listing.revision[:12]}"
        _check_space(scratch, files)
        for file in files:
            _bring(
                http, f"{base}/{name}/resolve/{listing.revision}/{quote(file.path)}", file, scratch, progress
            )
        model = HubModel(name, listing.revision, sum(file.size_bytes for file in files))
        _put_in_place(scratch, place, model)
        progress.assembled(name)
        return model


def here(models_dir: Path) -> Iterator[HubModel]:
    """Yield the models that were pulled from a hub."""
    for origin in sorted((models_dir / HUB).glob(f"*/*/{ORIGIN}")):
        known = _origin(origin.parent)
        name = "/".join(origin.parent.parts[-2:])
        yield HubModel(name, str(known.get("revision", "")), int(known.get("size_bytes", 0)))


def git_id_of(path: Path) -> str:
    """Return the hash by which git knows a file."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@contextlib.contextmanager
def _session(settings: HubSettings) -> Iterator[httpx.Client]:
    with client(None) as http:
        if settings.hub_token is not None:
            # Not sent on when the hub leads to a store elsewhere: httpx keeps it to its own host.
            http.headers["authorization"] = f"Bearer {settings.hub_token.get_secret_value()}"
        yield http


def _listing(http: httpx.Client, url: str) -> _Listing:
    try:
        answer = http.get(url, params={"blobs": "true"})
    except httpx.HTTPError as error:
        raise Unavailable(
            f"The hub cannot be reached ({type(error).__name__}); check DRAGOMAN_HUB_URL.",
            code="hub_unavailable",
        ) from error
    if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        raise Unauthorized(
            "The hub does not give us this model: see whether its name is right, accept its terms at the hub,"
            " and set DRAGOMAN_HUB_TOKEN.",
            code="hub_refused",
        )
    if answer.status_code == httpx.codes.NOT_FOUND:
        raise NotFound("The hub has no such model or revision.", code="unknown_hub_model")
    if answer.status_code != httpx.codes.OK:
        raise Unavailable(f"The hub answers {answer.status_code}; try again later.", code="hub_unavailable")
    try:
        return _Listing.model_validate(answer.json())
    except (ValidationError, ValueError) as error:
        raise Misconfigured(
            "What answers at DRAGOMAN_HUB_URL does not speak the hub's API.", code="hub_answer"
        ) from error


def _is_wanted(path: str, listing: _Listing) -> bool:
    if path.rpartition("/")[2].startswith(".") or path.endswith(_USELESS):
        return False
    safe = any(file.path.endswith(".safetensors") for file in listing.files)
    return not (safe and _PICKLED.search(path))


def _check_space(scratch: Path, files: list[_File]) -> None:
    scratch.mkdir(parents=True, exist_ok=True)
    missing = sum(file.size_bytes for file in files if not (scratch / file.path).exists())
    free = shutil.disk_usage(scratch).free
    if free < missing:
        raise Misconfigured(
            f"{free >> 20} MB are free; the model needs {missing >> 20} MB more. Free some, or set"
            " DRAGOMAN_MODELS_DIR.",
            code="disk_full",
        )


def _bring(http: httpx.Client, url: str, file: _File, scratch: Path, progress: Progress) -> None:
    target = file.target(scratch)
    if target.path.exists():
        return
    target.path.parent.mkdir(parents=True, exist_ok=True)
    target.part.touch()
    download(http, url, target, lambda done: progress.downloading(file.path, done, file.size_bytes))


def _put_in_place(scratch: Path, place: Path, model: HubModel) -> None:
    hashes = {
        str(path.relative_to(scratch)): sha256_of(path)
        for path in sorted(scratch.rglob("*"))
        if path.is_file()
    }
    known = {"revision": model.revision, "size_bytes": model.size_bytes, "sha256": hashes}
    (scratch / ORIGIN).write_text(json.dumps(known, indent=1), encoding="utf-8")
    place.parent.mkdir(parents=True, exist_ok=True)
    former = scratch.with_name(f"{scratch.name}.former")
    shutil.rmtree(former, ignore_errors=True)
    if place.exists():
        place.rename(former)
    scratch.rename(place)
    shutil.rmtree(former, ignore_errors=True)


def _origin(place: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((place / ORIGIN).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}
