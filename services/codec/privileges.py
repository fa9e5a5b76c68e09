"""Has the kernel take rights away: the decoder's, and those of others over the server."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Final

# linux/prctl.h
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38


def renounce() -> None:
    """Make sure that no program started from here, set-uid ones included, gains rights."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def conceal() -> None:
    """Close /proc/<pid>/{environ,mem,fd} of this process to others of the same user; it leaves no core dump.

    What it forks is concealed, too; programs that it starts are not. A reader with CAP_SYS_PTRACE, such as
    root, still gets in.
    """
    _prctl(_PR_SET_DUMPABLE, 0)


def follow(parent: int) -> None:
    """Have this process killed as soon as its parent, given by its process id, is gone."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # It was gone already.
        os.kill(os.getpid(), signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, *map(ctypes.c_ulong, (value, 0, 0, 0))):
        raise OSError(ctypes.get_errno(), "prctl")
