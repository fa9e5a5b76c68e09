"""The process that decoders are forked from: each file gets one of its own, and none pays for imports.

Its standard input is a socket whose other end the codec server holds; once that is closed, it ends, and its
decoders with it. A message there is an order as JSON and open files: a socket for the answer, the source, and
the sinks. The answer is one message: the decoder's exit status as `subprocess` counts it, a line feed, and
what it printed. Whoever stops listening has the decoder killed. No byte of a customer's file is read here.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Final

from services.codec import privileges

# Carries out an order into sinks, given by their file descriptors; the source is standard input.
Work = Callable[[Any, list[int]], None]

# What a pipe holds: a decoder that prints more waits until its time is over.
MAX_REPORT_BYTES: Final = 64 * 1024
MAX_ORDER_BYTES: Final = 64 * 1024
_MAX_FILES: Final = 16
_CONTROL: Final = 0


def serve(work: Work) -> None:
    """Fork a process for each order until the server is gone; nothing may have started a thread before."""
    privileges.renounce()
    privileges.conceal()
    _ForkServer(work).run()


@dataclass(frozen=True, slots=True)
class _Decoder:
    """A decoder that runs.

    Attributes:
        pid: Of the leader of its session.
        life: Its pidfd, readable once it has ended.
        printed: Where to read its report.
        call: Where to answer; readable once nobody waits for that.
    """

    pid: int
    life: int
    printed: int
    call: socket.socket

    def kill(self) -> None:
        """End it and what it started. Until it is reaped, nobody else can have its number."""
        for kill in (os.kill, os.killpg):
            with suppress(ProcessLookupError):
                kill(self.pid, signal.SIGKILL)

    def bury(self) -> None:
        """Answer with how it ended; it has."""
        self.kill()
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.set_blocking(self.printed, False)
        try:
            report = os.read(self.printed, MAX_REPORT_BYTES)
        except BlockingIOError:  # It printed nothing, and what it started in another session still could.
            report = b""
        with suppress(OSError), self.call:
            self.call.send(b"%d\n%b" % (status, report))
        os.close(self.printed)
        os.close(self.life)


class _ForkServer:
    def __init__(self, work: Work) -> None:
        self._work = work
        self._control = socket.socket(fileno=os.dup(_CONTROL))
        self._poll = select.poll()
        # What to do once a file can be read. Events come in the order of registration, orders first: none
        # takes the number of a file that was closed while events of that are still to be looked at.
        self._then: dict[int, Callable[[], None]] = {}
        self._decoders: set[_Decoder] = set()

    def run(self) -> None:
        self._watch(self._control.fileno(), self._begin)
        try:
            while True:
                for file, _ in self._poll.poll():
                    self._then.get(file, int)()
        finally:
            for decoder in self._decoders:
                decoder.kill()

    def _begin(self) -> None:
        message, files, _, _ = socket.recv_fds(self._control, MAX_ORDER_BYTES, _MAX_FILES)
        if not message:
            raise SystemExit
        call, *given = files
        reading, writing = os.pipe()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            _become(partial(self._work, json.loads(message)), parent, given, writing)
        for file in (*given, writing):
            os.close(file)
        decoder = _Decoder(pid, os.pidfd_open(pid), reading, socket.socket(fileno=call))
        self._decoders.add(decoder)
        self._watch(decoder.life, partial(self._ended, decoder))
        self._watch(call, partial(self._left, decoder))

    def _left(self, decoder: _Decoder) -> None:
        decoder.kill()
        self._forget(decoder.call.fileno())

    def _ended(self, decoder: _Decoder) -> None:
        for file in (decoder.life, decoder.call.fileno()):
            self._forget(file)
        self._decoders.discard(decoder)
        decoder.bury()

    def _watch(self, file: int, then: Callable[[], None]) -> None:
        self._then[file] = then
        self._poll.register(file, select.POLLIN)

    def _forget(self, file: int) -> None:
        if self._then.pop(file, None):
            self._poll.unregister(file)


def _become(work: Callable[[list[int]], None], parent: int, given: list[int], printing: int) -> None:
    """Be a decoder, which has nothing open but its source, its report and its sinks, and end."""
    status = os.EX_SOFTWARE
    try:
        os.setsid()
        privileges.follow(parent)
        source, *sinks = given
        os.dup2(source, 0)
        os.dup2(printing, 1)
        for before, after in pairwise([2, *sorted(sinks), os.sysconf("SC_OPEN_MAX")]):
            os.closerange(before + 1, after)
        work(sinks)
        sys.stdout.flush()
        status = os.EX_OK
    finally:
        # Whatever was raised: nothing of the fork server may run on here.
        os._exit(status)
