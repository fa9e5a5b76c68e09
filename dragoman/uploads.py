"""Recordings on their way to the gateway: in one piece, or resumable by the tus protocol (1.0.0)."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from dragoman import errors
from dragoman.effects import AskOptions, Flow, Options, Request, Sleep, Tell
from dragoman.exchange import answered, path, wait_s

# From this size on a broken connection costs more than the extra requests do.
RESUMABLE_FROM_BYTES: Final = 32 * 1024 * 1024
PIECE_BYTES: Final = 8 * 1024 * 1024
# After these the upload goes on from where it is: the line was too slow; an earlier attempt arrived after
# all, or has not been given up yet; the piece was damaged.
_GO_ON: Final = frozenset({408, 409, 423, 460})
_TUS: Final = {"Tus-Resumable": "1.0.0"}

# A recording as a user has it: where it lies, an open binary file, or its bytes.
FileLike = str | os.PathLike[str] | IO[bytes] | bytes


@dataclass(frozen=True, slots=True)
class Recording:
    """A file that can be read from any place.

    Attributes:
        stream: Its bytes.
        size_bytes: How many.
        name: What it is called; never a path.
    """

    stream: IO[bytes]
    size_bytes: int
    name: str

    def piece(self, offset: int) -> bytes:
        """Return what is sent at once from an offset on."""
        self.stream.seek(offset)
        return self.stream.read(PIECE_BYTES)


@contextlib.contextmanager
def opened(file: FileLike) -> Iterator[Recording]:
    """Open a recording; a stream that cannot go back is copied to a temporary file first."""
    with contextlib.ExitStack() as stack:
        if isinstance(file, bytes):
            stream: IO[bytes] = io.BytesIO(file)
        elif isinstance(file, str | os.PathLike):
            stream = stack.enter_context(Path(file).open("rb"))
        elif file.seekable():
            stream = file
        else:
            stream = stack.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(file, stream)
        size_bytes = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        yield Recording(stream, size_bytes, _name_of(file))


def send(file: FileLike, *, on_progress: Callable[[int], Any] | None = None) -> Flow[str]:
    """Upload a file so that a broken connection costs no more than the last piece; return the upload's id.

    A job takes it as `upload_id`.

    Args:
        file: A path, an open binary file (taken from its start) or bytes.
        on_progress: Called with the bytes that have arrived, after every piece.
    """
    with opened(file) as recording:
        return (yield from sent(recording, on_progress))


def delete(upload_id: str) -> Flow[None]:
    """Forget an upload that no job has taken."""
    yield from answered(Request("DELETE", path("uploads", upload_id), headers=_TUS))


def sent(recording: Recording, on_progress: Callable[[int], Any] | None = None) -> Flow[str]:
    """Upload an open recording; return the upload's id."""
    name = base64.b64encode(recording.name.encode()).decode()
    headers = {"Upload-Length": str(recording.size_bytes), "Upload-Metadata": f"filename {name}", **_TUS}
    # Made twice it does no harm: what nobody sends to expires.
    created = yield from answered(Request("POST", path("uploads"), headers=headers))
    upload_id = str(created.headers["location"]).rstrip("/").rpartition("/")[2]
    options: Options = yield AskOptions()
    offset, failures = 0, 0
    while offset < recording.size_bytes:
        try:
            offset = yield from _patched(upload_id, recording, offset)
            failures = 0
        except errors.DragomanError as error:
            if failures >= options.max_retries or not (error.retryable or error.status in _GO_ON):
                raise
            yield Sleep(wait_s(failures, error))
            failures += 1
            offset = yield from _offset(upload_id)
        if on_progress is not None:
            yield Tell(on_progress, offset)
    return upload_id


def _patched(upload_id: str, recording: Recording, offset: int) -> Flow[int]:
    headers = {
        "Content-Type": "application/offset+octet-stream",
        "Upload-Offset": str(offset),
        **_TUS,
    }
    piece = recording.piece(offset)
    if not piece:
        raise errors.InvalidRequest("The file has become shorter while it was sent.", code="file_changed")
    request = Request("PATCH", path("uploads", upload_id), headers=headers, content=piece)
    answer = yield from answered(request, max_retries=0)
    return int(answer.headers["upload-offset"])


def _offset(upload_id: str) -> Flow[int]:
    answer = yield from answered(Request("HEAD", path("uploads", upload_id), headers=_TUS))
    return int(answer.headers["upload-offset"])


def _name_of(file: FileLike) -> str:
    named = file if isinstance(file, str | os.PathLike) else getattr(file, "name", None)
    return (Path(named).name if isinstance(named, str | os.PathLike) else "") or "recording"
