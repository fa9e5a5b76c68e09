"""A job's files on their way here: resumed by Range, checked for their size, never outside their folder."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import IO, Final

import httpx

from dragoman import errors
from dragoman.effects import AskOptions, Flow, Options, Read, Request, Sleep
from dragoman.exchange import answered, document, model, path, wait_s
from dragoman.models import Artifact, Job, id_of

_PART: Final = ".part"


def artifacts(job: Job | str) -> Flow[list[Artifact]]:
    """Return the files of a job; there are none before it is over."""
    found = yield from document(Request("GET", path("jobs", id_of(job), "artifacts")))
    return [Artifact.model_validate(each) for each in found["artifacts"]]


def download(job: Job | str, name: str, to: str | os.PathLike[str] = ".") -> Flow[Path]:
    """Fetch one file of a job; a broken connection goes on where it was.

    Args:
        job: The job or its id.
        name: Of the file, as `artifacts` lists it.
        to: A folder, in which the file gets its own name, or the path of the file to write.

    Raises:
        Incomplete: it did not come as long as it was announced.
        DragomanError: there is no such file, or the gateway stayed away.
    """
    target = Path(to)
    if target.is_dir():
        target /= plain(name)
    part = target.with_name(target.name + _PART)
    try:
        yield from _fetched(path("jobs", id_of(job), "artifacts", name), part)
        part.replace(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
    return target


def download_all(job: Job | str, to: str | os.PathLike[str]) -> Flow[list[Path]]:
    """Fetch every file of a job into a folder, which is made when missing.

    Args:
        job: The job or its id.
        to: The folder.
    """
    folder = Path(to)
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(job, str):
        job = yield from model(Job, Request("GET", path("jobs", job)))
    fetched = []
    for file in job.files:
        fetched.append((yield from download(job, file.name, folder)))  # noqa: PERF401 (no `yield from` inside)
    return fetched


def plain(name: str) -> str:
    """Return the last part of a name, so that no name leads out of a folder.

    Raises:
        InvalidRequest: nothing is left of it.
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    if last in {"", ".", ".."} or "\0" in last:
        raise errors.InvalidRequest(
            "A file of this job has a name that cannot be used here.", code="file_name"
        )
    return last


def _fetched(of: str, part: Path) -> Flow[None]:
    """Fetch a path into a file, over as many connections as it takes."""
    options: Options = yield AskOptions()
    failures = 0
    with part.open("wb") as out:
        fetching = _Fetching(of, out)
        while True:
            try:
                fetching.begin((yield from answered(fetching.request(), opened=True)))
                while (chunk := (yield Read())) is not None:
                    out.write(chunk)
                    failures = 0
                error: errors.DragomanError = errors.Incomplete("The file is not as long as was announced.")
            except httpx.TransportError as failure:
                error = errors.lost(failure, options.base_url)
            if fetching.complete:
                return
            if failures >= options.max_retries:
                raise error
            yield Sleep(wait_s(failures, error))
            failures += 1


class _Fetching:
    """A file that comes in over one or more connections.

    Args:
        of: Its path at the gateway.
        out: Where its bytes go.
    """

    def __init__(self, of: str, out: IO[bytes]) -> None:
        self._of = of
        self._out = out
        self._version = ""
        self._size_bytes: int | None = None

    @property
    def complete(self) -> bool:
        """Whether as many bytes are here as were announced."""
        return self._out.tell() == self._size_bytes

    def request(self) -> Request:
        """Ask for what is missing, or for all where the gateway named no version to go on with."""
        headers = {"Accept-Encoding": "identity"}
        if self._version and self._out.tell():
            headers |= {"Range": f"bytes={self._out.tell()}-", "If-Range": self._version}
        return Request("GET", self._of, headers=headers)

    def begin(self, answer: httpx.Response) -> None:
        """Take the head of an answer; it may be all of the file, also where a part was asked for."""
        if answer.status_code != httpx.codes.PARTIAL_CONTENT:
            self._out.seek(0)
            self._out.truncate()
        self._version = answer.headers.get("etag", "")
        self._size_bytes = self._out.tell() + int(answer.headers.get("content-length", 0))
