"""The server's environment and memory are closed to others of its user, and the decoder gains no rights."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from tests.architecture.tree import ROOT

# Runs as an ordinary user, since root may look into everything.
NEIGHBOUR = """
    import ctypes, os, sys
    from services.codec import privileges
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # changing the user conceals, too
    privileges.{call}()
    server = os.getpid()
    if os.fork() == 0:
        for name in ("environ", "mem", "fd/0"):
            try:
                open(f"/proc/{{server}}/{{name}}", "rb").close()
            except PermissionError:
                print(name, flush=True)
        os._exit(0)
    os.wait()
"""


def printed(script: str) -> str:
    """Return what a script prints."""
    command = [sys.executable, "-c", textwrap.dedent(script)]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    ).stdout.strip()


@pytest.mark.parametrize(("call", "closed"), [("renounce", []), ("conceal", ["environ", "mem", "fd/0"])])
def test_only_a_concealed_process_is_closed_to_others_of_its_user(call: str, closed: list[str]) -> None:
    assert printed(NEIGHBOUR.format(call=call)).split() == closed


def test_the_server_conceals_itself_before_it_serves() -> None:
    script = """
        import ctypes
        from services.codec import server
        server.run = lambda *_: print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
        server.main()
    """
    assert printed(script) == "0"


def test_a_concealed_process_still_decodes() -> None:
    script = """
        from services.codec import privileges
        from services.codec.server import load_core
        from services.codec.settings import CodecSettings
        privileges.conceal()
        print(len(load_core(CodecSettings()).containers) > 1)
    """
    assert printed(script) == "True"
