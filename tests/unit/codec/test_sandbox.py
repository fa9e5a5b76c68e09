"""The decoder runs apart: bounded, cancellable, and its crash is one file's error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest

from services.codec.decoder import Order, Report
from services.codec.sandbox import Sandbox
from services.shared.errors import (
    Cancelled,
    DragomanError,
    InternalError,
    InvalidMedia,
    StorageFailure,
    Timeout,
    TooLarge,
)
from tests.architecture.tree import ROOT
from tests.support import recordings
from tests.support.waiting import until

SERVE = "from services.codec import fork_server; fork_server.serve(work)"
REPORT = {
    "codec": "x",
    "source_sample_rate_hz": 8000,
    "sample_rate_hz": 8000,
    "channel_count": 1,
    "sample_count": 1,
}


def order(**changes: object) -> Order:
    """Return an order for the real decoder."""
    base: Order = {
        "container": "wav",
        "demuxer": "wav",
        "options": {},
        "sample_rate_hz": 0,
        "max_duration_ms": 60_000,
        "budget": {"cpu_s": 20, "memory_bytes": 1 << 30, "output_bytes": 1 << 30},
    }
    base.update(changes)  # type: ignore[typeddict-item]  # tests change single fields
    return base


def stand_in(script: str, wall_s: float = 30) -> Sandbox:
    """Return a sandbox that runs a script, which may use `order` and `sinks`, in place of the decoder."""
    work = textwrap.indent(textwrap.dedent(script), "    ")
    return Sandbox(wall_s, ("-c", f"def work(order, sinks):\n{work}\n{SERVE}"))


def run(sandbox: Sandbox, data: bytes = b"", **changes: object) -> Report:
    """Run a sandbox on a file."""
    with recordings.spooled(data) as file:
        return sandbox.run(file, (), order(**changes), lambda: False)


def error_of(sandbox: Sandbox, data: bytes = b"", **changes: object) -> DragomanError:
    """Return the error that a run ends in."""
    with pytest.raises(DragomanError) as caught:
        run(sandbox, data, **changes)
    return caught.value


@pytest.mark.parametrize("signal", ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE"])
def test_a_crash_is_an_error_of_the_file(signal: str) -> None:
    error = error_of(stand_in(f"import os, signal; os.kill(os.getpid(), signal.{signal})"))
    assert isinstance(error, InvalidMedia)
    assert (error.code, error.retryable) == ("decoder_crashed", False)


def test_a_crash_leaves_the_next_file_alone() -> None:
    with pytest.raises(InvalidMedia):
        run(stand_in("import ctypes; ctypes.string_at(0)"))
    assert run(stand_in(f"print({json.dumps(json.dumps({'report': REPORT}))})")) == REPORT


@pytest.mark.parametrize("answer", ["", "no json", "[]", "{}", "null", '{"something": 1}'])
def test_an_answer_that_is_none_is_a_crash(answer: str) -> None:
    assert error_of(stand_in(f"print({answer!r})")).code == "decoder_crashed"


def test_an_exit_status_is_a_crash_whatever_was_said() -> None:
    script = f"print({json.dumps(json.dumps({'report': REPORT}))}); raise SystemExit(3)"
    assert error_of(stand_in(script)).code == "decoder_crashed"


def test_an_error_comes_back_as_it_was_raised() -> None:
    answer = json.dumps({"error": ["too_large", "media_too_long", "Too long."]})
    error = error_of(stand_in(f"print({answer!r})"))
    assert isinstance(error, TooLarge)
    assert (error.code, error.detail) == ("media_too_long", "Too long.")


def test_a_decoder_that_hangs_is_ended() -> None:
    error = error_of(stand_in("import time; time.sleep(600)", wall_s=0.3))
    assert isinstance(error, Timeout)
    assert error.code == "decoder_timeout"


def test_a_decoder_that_floods_its_answer_is_ended() -> None:
    assert error_of(stand_in("while True: print('x' * 100_000)", wall_s=0.3)).code == "decoder_timeout"


def test_a_decoder_killed_from_outside_may_be_tried_again() -> None:
    error = error_of(stand_in("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))
    assert isinstance(error, InternalError)
    assert (error.code, error.retryable) == ("decoder_killed", True)


def test_a_caller_who_goes_away_ends_the_decoder(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    with recordings.spooled(b"") as file, pytest.raises(Cancelled):
        stand_in(script).run(file, (), order(), lambda: pid_file.exists() and pid_file.read_text() != "")
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


@pytest.mark.parametrize("ending", ["pass", "raise SystemExit(3)", "time.sleep(600)"])
def test_what_the_decoder_started_ends_with_it(ending: str) -> None:
    script = f"""
        import os, time
        if os.fork() == 0:
            time.sleep(20)
            os.write(sinks[0], b"alive")
        {ending}
    """
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as end, recordings.spooled(b"") as file:
        with os.fdopen(writing, "wb") as sink, pytest.raises(DragomanError):
            stand_in(script, wall_s=2).run(file, (sink,), order(), lambda: False)
        # It comes to an end only once nobody holds the other side.
        assert end.read() == b""


def test_too_much_processor_time_is_the_files_error() -> None:
    script = """
        from services.codec.decoder import limit
        limit(order["budget"])
        while True: pass
    """
    budget = {"cpu_s": 1, "memory_bytes": 1 << 30, "output_bytes": 1}
    error = error_of(stand_in(script), budget=budget)
    assert isinstance(error, TooLarge)
    assert error.code == "decoder_limit"


SEEN = """
    import json, os, sys
    try:
        made = bool(open("a file", "w"))
    except OSError:
        made = False
    seen = {"files": os.listdir(), "made": made, "environment": sorted(os.environ), "path": sys.path[0],
            "open": sorted(map(int, os.listdir("/proc/self/fd"))), "input": sys.stdin.read()}
    print(json.dumps({"report": seen}))
"""


def test_the_decoder_starts_with_nothing_in_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_SECRET_OF_THE_SERVER", "secret")
    with (tmp_path / "of the server").open("w"):
        seen: dict[str, Any] = dict(run(stand_in(SEEN), b"the file"))
    assert (seen["files"], seen["made"], seen["input"]) == ([], False, "the file")
    assert set(seen["environment"]) <= {"LC_ALL", "LC_CTYPE", "PYTHONPATH"}
    assert max(seen["open"]) <= 3  # the fourth is the listing itself
    assert seen["path"]


def test_the_decoder_does_not_see_the_files_of_others() -> None:
    hangs_for_some = "if order['container'] == 'slow': sinks and os.write(sinks[0], b'here'); time.sleep(600)"
    sandbox = stand_in(f"import os, time\n{hangs_for_some}\n{textwrap.dedent(SEEN)}")
    with recordings.spooled(b"") as file, recordings.spooled(b"") as sink, ThreadPoolExecutor() as pool:
        gone = threading.Event()
        slow = pool.submit(sandbox.run, file, (sink,), order(container="slow"), gone.is_set)
        until(lambda: os.fstat(sink.fileno()).st_size)
        assert max(dict(run(sandbox))["open"]) <= 3  # type: ignore[call-overload]  # not a real report
        gone.set()
        with pytest.raises(Cancelled):
            slow.result()


WHO = """
    import json, os
    print(json.dumps({"report": {"pid": os.getpid(), "parent": os.getppid()}}))
"""


def test_each_file_has_a_process_of_its_own_and_none_starts_from_scratch() -> None:
    sandbox = stand_in(WHO)
    first, second = (dict(run(sandbox)) for _ in range(2))
    assert first["pid"] != second["pid"]
    assert first["parent"] == second["parent"] != os.getpid()


def test_what_decoders_are_forked_from_is_replaced_when_it_died() -> None:
    sandbox = stand_in(WHO)
    before: Any = dict(run(sandbox))
    os.kill(before["parent"], SIGKILL)
    until(lambda: not is_there(before["parent"]))
    after = dict(run(sandbox))
    assert after["parent"] != before["parent"]


def test_decoders_run_side_by_side() -> None:
    script = f"""
        import json, os, time
        os.write(sinks[0], b"x")
        while os.fstat(sinks[0]).st_size < 2: time.sleep(0.01)
        print({json.dumps(json.dumps({"report": REPORT}))})
    """
    sandbox = stand_in(script)
    with recordings.spooled(b"") as file, recordings.spooled(b"") as sink, ThreadPoolExecutor() as pool:
        both = [pool.submit(sandbox.run, file, (sink,), order(), lambda: False) for _ in range(2)]
        assert [each.result() for each in both] == [REPORT, REPORT]


def test_nothing_is_left_of_a_sandbox_that_is_let_go() -> None:
    sandbox = stand_in(WHO)
    parent: Any = dict(run(sandbox))["parent"]
    assert is_there(parent)
    del sandbox
    until(lambda: not is_there(parent))


@pytest.mark.parametrize("killed", ["server", "fork server"])
def test_nothing_is_left_of_a_decoder_whose_server_was_killed(killed: str) -> None:
    script = """
        import tempfile
        from tests.unit.codec.test_sandbox import order, stand_in
        hangs = "import os, time; os.write(sinks[0], b'%d %d' % (os.getppid(), os.getpid())); time.sleep(600)"
        with tempfile.TemporaryFile() as file, open({path!r}, "wb") as sink:
            stand_in(hangs, 600).run(file, (sink,), order(), lambda: False)
    """
    with tempfile.NamedTemporaryFile() as pids:
        command = [sys.executable, "-c", textwrap.dedent(script).format(path=pids.name)]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as server:
            until(lambda: len(Path(pids.name).read_text().split()) == 2)
            fork_server, decoder = map(int, Path(pids.name).read_text().split())
            os.kill(server.pid if killed == "server" else fork_server, SIGKILL)
            until(lambda: not is_there(decoder))
            until(lambda: not is_there(fork_server))
            # Without the fork server the call fails, and nobody waits for its time to be over.
            assert server.wait(60) == (-SIGKILL if killed == "server" else 1)


def is_there(pid: int) -> bool:
    """Say whether a process runs; one that ended and was not reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_file_is_read_from_its_start_wherever_it_stood() -> None:
    script = "import json, sys; print(json.dumps({'report': {'input': sys.stdin.read()}}))"
    with recordings.spooled(b"whole file") as file:
        file.seek(5)
        assert dict(stand_in(script).run(file, (), order(), lambda: False)) == {"input": "whole file"}


LIMITS = """
    import json, resource
    from services.codec.decoder import limit
    limit(order["budget"])
    kinds = {name: getattr(resource, "RLIMIT_" + name) for name in ("CPU", "AS", "FSIZE", "NOFILE", "CORE")}
    print(json.dumps({"report": {name: resource.getrlimit(kind)[0] for name, kind in kinds.items()}}))
"""


def test_the_kernel_holds_the_decoder_to_its_budget() -> None:
    budget = {"cpu_s": 7, "memory_bytes": 1 << 30, "output_bytes": 12_345}
    limits = dict(run(stand_in(LIMITS), budget=budget))
    assert limits == {"CPU": 7, "AS": 1 << 30, "FSIZE": 12_345, "NOFILE": 32, "CORE": 0}


def test_the_decoder_can_gain_no_privileges() -> None:
    script = """
        import json
        lines = dict(line.split(":\\t") for line in open("/proc/self/status"))
        print(json.dumps({"report": {"no new privileges": int(lines["NoNewPrivs"])}}))
    """
    assert dict(run(stand_in(script))) == {"no new privileges": 1}


def test_the_decoder_is_closed_to_others_of_its_user_as_what_it_is_forked_from() -> None:
    script = """
        import ctypes, json
        print(json.dumps({"report": {"dumpable": ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)}}))
    """
    assert dict(run(stand_in(script))) == {"dumpable": 0}


def test_a_decoder_without_memory_says_so() -> None:
    script = """
        from services.codec import decoder
        decoder.decode = lambda *_: bytearray(1 << 40)
        decoder.main(order, sinks)
    """
    error = error_of(stand_in(script))
    assert isinstance(error, InvalidMedia)
    assert error.code == "decoder_limit"


@pytest.mark.parametrize("seconds", [0.1, 5])
def test_a_full_disk_is_not_a_bad_file(seconds: float) -> None:
    data = recordings.wav(recordings.tone(seconds, 8000), 8000)
    with (
        Path("/dev/full").open("wb") as sink,
        recordings.spooled(data) as file,
        pytest.raises(StorageFailure) as caught,
    ):
        Sandbox(30).run(file, (sink,), order(), lambda: False)
    assert (caught.value.code, caught.value.retryable) == ("spool_failed", True)
