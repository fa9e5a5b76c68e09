"""Has files decoded in processes of their own: bounded, cancellable, and free to crash."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

from services.codec.decoder import Order, Report
from services.codec.fork_server import MAX_REPORT_BYTES
from services.shared.errors import Cancelled, InternalError, InvalidMedia, Timeout, TooLarge, by_family

_ROOT: Final = Path(__file__).parents[2]
_POLL_MS: Final = 50
# For a decoder to be killed, which takes milliseconds, and for the fork server to take an order.
_PATIENCE_S: Final = 10
_STATUS_BYTES: Final = 16
_DECODER: Final = ("-m", "services.codec.decoder")


class Sandbox:
    """Has files decoded. Safe to use from several threads at once.

    All decoders are forked from one process, which is started with the first file and ends with this object,
    or with the process that holds this, however that ends.

    Args:
        wall_s: Most seconds that one decoder may take.
        module: Arguments that make the interpreter run the fork server; another one in tests of crashes.
    """

    def __init__(self, wall_s: float, module: tuple[str, ...] = _DECODER) -> None:
        self.wall_s = wall_s
        self._module = module
        self._lock = threading.Lock()
        self._forks: _Forks | None = None

    def run(
        self, source: BinaryIO, sinks: Sequence[BinaryIO], order: Order, cancelled: Callable[[], bool]
    ) -> Report:
        """Decode `source` into `sinks`, which must be real files.

        Raises:
            InvalidMedia: what the decoder found, or code decoder_crashed.
            TooLarge: the file is over a limit; code decoder_limit if it took too much processor time.
            Timeout: code decoder_timeout.
            Cancelled: `cancelled()` turned true.
            StorageFailure: the disk is full.
            InternalError: code decoder_killed, somebody else ended the decoder.
        """
        source.seek(0)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            with theirs:
                files = [theirs.fileno(), source.fileno(), *(sink.fileno() for sink in sinks)]
                self._order(json.dumps(order).encode(), files)
            try:
                self._wait(ours, cancelled)
            finally:
                answer = _hang_up(ours)
        return _report(answer)

    def _order(self, message: bytes, files: list[int]) -> None:
        with self._lock:
            if self._forks is not None and self._forks.take(message, files):
                return
            # One that is gone is not this file's fault. Where a new one is gone, too, no answer will come.
            self._forks = _Forks(self._module)
            self._forks.take(message, files)

    def _wait(self, call: socket.socket, cancelled: Callable[[], bool]) -> None:
        deadline = time.monotonic() + self.wall_s
        answer = select.poll()
        answer.register(call, select.POLLIN)
        while not cancelled():
            if answer.poll(_POLL_MS):
                return
            if time.monotonic() > deadline:
                raise Timeout(f"Decoding took more than {self.wall_s:g} s.", code="decoder_timeout")
        raise Cancelled("The caller went away while its file was decoded.")


class _Forks:
    """A fork server and the way to it."""

    def __init__(self, module: tuple[str, ...]) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(_PATIENCE_S)
        folder = tempfile.mkdtemp(prefix="dragoman-decoder-")
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - our own module under our own interpreter
                # -P keeps the folder it runs in off the module path.
                (sys.executable, "-P", *module),
                cwd=folder,
                env={"PYTHONPATH": str(_ROOT), "LC_ALL": "C.UTF-8"},
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        # It is in there, and stays there: in a folder without a name no file can be made.
        Path(folder).rmdir()
        weakref.finalize(self, _end, self._control, process)

    def take(self, message: bytes, files: list[int]) -> bool:
        """Pass an order on; False if there is nobody to take it."""
        try:
            socket.send_fds(self._control, [message], files)
        except OSError:
            return False
        return True


def _end(control: socket.socket, process: subprocess.Popen[bytes]) -> None:
    control.close()
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _hang_up(call: socket.socket) -> bytes:
    """Have the decoder killed unless it has ended, and return the answer; empty when there will be none."""
    call.shutdown(socket.SHUT_WR)
    call.settimeout(_PATIENCE_S)
    try:
        return call.recv(_STATUS_BYTES + MAX_REPORT_BYTES)
    except OSError:
        return b""


def _report(answered: bytes) -> Report:
    status, _, printed = answered.partition(b"\n")
    if status == b"%d" % -signal.SIGXCPU:
        raise TooLarge("The file takes too much processor time to decode.", code="decoder_limit")
    if status in {b"", b"%d" % -signal.SIGKILL}:
        raise InternalError(
            "The decoder was killed; the machine may be short of memory.", code="decoder_killed"
        )
    answer = _parse(printed) if status == b"%d" % os.EX_OK else {}
    if "error" in answer:
        family, code, detail = answer["error"]
        raise by_family(family)(detail, code=code)
    if "report" not in answer:
        raise InvalidMedia(
            "The file made the decoder crash; export it as WAV or FLAC and send that.", code="decoder_crashed"
        )
    report: Report = answer["report"]
    return report


def _parse(answer: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(answer)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
