"""Runs the decoder as a process of its own: bounded, cancellable, and free to crash."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from services.codec.decoder import Order, Report
from services.shared.errors import Cancelled, InternalError, InvalidMedia, Timeout, TooLarge, by_family

_ROOT: Final = Path(__file__).parents[2]
_POLL_S: Final = 0.05
_MAX_REPORT_BYTES: Final = 64 * 1024
_DECODER: Final = ("-m", "services.codec.decoder")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Starts decoders.

    Attributes:
        wall_s: Most seconds that one may take.
        module: Arguments that make the interpreter run the decoder; another one in tests of crashes.
    """

    wall_s: float
    module: tuple[str, ...] = _DECODER

    def run(
        self, source: BinaryIO, sinks: tuple[BinaryIO, ...], order: Order, cancelled: Callable[[], bool]
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
        with tempfile.TemporaryDirectory(prefix="dragoman-decoder-") as folder:
            source.seek(0)
            process = subprocess.Popen(  # noqa: S603 - our own module under our own interpreter
                # -P keeps the folder it runs in off the module path.
                (sys.executable, "-P", *self.module, json.dumps(order)),
                cwd=folder,
                env={"PYTHONPATH": str(_ROOT), "LC_ALL": "C.UTF-8"},
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=[sink.fileno() for sink in sinks],
                start_new_session=True,
            )
            with process:
                try:
                    self._wait(process, cancelled)
                finally:
                    # The group outlives the decoder only if that started processes.
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                return _report(process)

    def _wait(self, process: subprocess.Popen[bytes], cancelled: Callable[[], bool]) -> None:
        deadline = time.monotonic() + self.wall_s
        while True:
            try:
                process.wait(_POLL_S)
            except subprocess.TimeoutExpired:
                if cancelled():
                    raise Cancelled("The caller went away while its file was decoded.") from None
                if time.monotonic() > deadline:
                    raise Timeout(
                        f"Decoding took more than {self.wall_s:g} s.", code="decoder_timeout"
                    ) from None
            else:
                return


def _report(process: subprocess.Popen[bytes]) -> Report:
    status = process.returncode
    if status == -signal.SIGXCPU:
        raise TooLarge("The file takes too much processor time to decode.", code="decoder_limit")
    if status == -signal.SIGKILL:
        raise InternalError(
            "The decoder was killed; the machine may be short of memory.", code="decoder_killed"
        )
    assert process.stdout is not None  # noqa: S101 - it was opened as a pipe
    answer = _parse(process.stdout.read(_MAX_REPORT_BYTES)) if status == os.EX_OK else {}
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
