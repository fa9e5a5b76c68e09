"""Downloads one archive: resumes what an earlier try left, retries what may pass, checks the hash."""

from __future__ import annotations

import random
import shutil
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

import certifi
import httpx

from services.shared.errors import Misconfigured, NotFound, Unauthorized, Unavailable
from services.shared.models.catalogue import sha256_of

_REFUSED: Final = (401, 403, 407)

OnBytes = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be brought, and where.

    Attributes:
        path: The file; until its hash is right it is called `<path>.part`.
        digest: Hex digest that the whole must have.
        size_bytes: Size that the whole must have.
        digest_of: How it is reckoned.
    """

    path: Path
    digest: str
    size_bytes: int
    digest_of: Callable[[Path], str] = sha256_of

    @property
    def part(self) -> Path:
        """The file while it is not whole."""
        return self.path.with_name(f"{self.path.name}.part")

    def done_bytes(self) -> int:
        """Return how much of the part is there."""
        return self.part.stat().st_size if self.part.exists() else 0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a failing download is tried.

    Attributes:
        attempts: Failures in a row, without one byte of progress, after which it is given up.
        first_wait_s: Pause after the first failure; it doubles with each, with jitter.
    """

    attempts: int = 6
    first_wait_s: float = 0.5

    def wait_s(self, failures: int) -> float:
        """Return the pause after so many failures in a row."""
        return self.first_wait_s * 2.0 ** (failures - 1) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter


def client(ca_bundle: str | None) -> httpx.Client:
    """Return an HTTP client that trusts `ca_bundle`, else what the system and certifi trust.

    SSL_CERT_FILE and SSL_CERT_DIR are honoured by OpenSSL, proxies by httpx.
    """
    context = ssl.create_default_context(cafile=ca_bundle)
    if ca_bundle is None:
        context.load_verify_locations(certifi.where())
    return httpx.Client(verify=context, follow_redirects=True, timeout=httpx.Timeout(30.0))


def download(
    http: httpx.Client, url: str, target: Target, on_bytes: OnBytes, patience: Patience | None = None
) -> None:
    """Bring `url` (http, https or file) to `target.path`.

    Raises:
        Unauthorized: the server refuses us (download_refused).
        NotFound: the server does not have it (download_missing).
        Unavailable: it failed too often (download_failed); what came is kept for the next try.
        Misconfigured: another file came than was asked for (wrong_hash); it is removed.
    """
    if urlsplit(url).scheme == "file":
        shutil.copyfile(url2pathname(urlsplit(url).path), target.part)
    else:
        _persist(http, url, target, on_bytes, patience or Patience())
    adopt(target.part, target)
    on_bytes(target.size_bytes)


def adopt(path: Path, target: Target) -> None:
    """Move a complete file to `target.path` if its hash is right, else remove it.

    Raises:
        Misconfigured: the hash is wrong (wrong_hash).
    """
    if target.digest_of(path) != target.digest:
        path.unlink()
        raise Misconfigured(
            f"{target.path.name} is not the file that was asked for, and was removed. "
            "Pull again; if it repeats, the mirror serves something else.",
            code="wrong_hash",
        )
    path.replace(target.path)


def _persist(http: httpx.Client, url: str, target: Target, on_bytes: OnBytes, patience: Patience) -> None:
    failures = 0
    while (before := target.done_bytes()) != target.size_bytes:
        try:
            _resume(http, url, target, on_bytes)
        except (httpx.TransportError, Unavailable) as error:
            failures = 1 if target.done_bytes() > before else failures + 1
            if failures >= patience.attempts:
                raise Unavailable(
                    f"{target.path.name} could not be downloaded: {type(error).__name__}. "
                    "Pull again; it goes on where it stopped.",
                    code="download_failed",
                ) from error
            time.sleep(patience.wait_s(failures))


def _resume(http: httpx.Client, url: str, target: Target, on_bytes: OnBytes) -> None:
    have = target.done_bytes() if target.done_bytes() < target.size_bytes else 0
    # The range counts the bytes of the archive itself, so it must not be compressed on the way.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with http.stream("GET", url, headers=headers) as response:
        _check_status(response.status_code, target)
        resumed = response.headers.get("content-range", "").startswith(f"bytes {have}-")
        have = have if resumed else 0
        with target.part.open("ab" if resumed else "wb") as file:
            for chunk in response.iter_raw():  # as it comes: what is not written is not continued
                have += file.write(chunk)
                on_bytes(have)
                if have > target.size_bytes:
                    break
    if have > target.size_bytes:
        target.part.unlink()
        raise Misconfigured(f"{target.path.name} is larger than it should be.", code="wrong_hash")
    if have < target.size_bytes:
        raise Unavailable("The download ended early.", code="download_failed")


def _check_status(status: int, target: Target) -> None:
    if status < httpx.codes.MULTIPLE_CHOICES:
        return
    if status in _REFUSED:
        raise Unauthorized(f"The server refuses {target.path.name}.", code="download_refused")
    if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
        target.part.unlink(missing_ok=True)
    elif status < httpx.codes.INTERNAL_SERVER_ERROR and status != httpx.codes.TOO_MANY_REQUESTS:
        raise NotFound(f"The server answers {status} for {target.path.name}.", code="download_missing")
    raise Unavailable(f"The server answers {status}.", code="download_failed")
