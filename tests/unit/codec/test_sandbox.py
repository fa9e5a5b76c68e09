"""The decoder runs apart: bounded, cancellable, and its crash is one file's error."""

from __future__ import annotations

import json
import os
import textwrap
from pathlib import Path
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
from tests.support import recordings

REPORT = {
    "codec": "x",
    "source_sample_rate_hz": 8000,
    "sample_rate_hz": 8000,
    "channel_count": 1,
    "sample_count": 1,
}


def order(**changes: object) -> Order:
    """Return an order for the real decoder, without sinks."""
    base: Order = {
        "container": "wav",
        "demuxer": "wav",
        "options": {},
        "sample_rate_hz": 0,
        "max_duration_ms": 60_000,
        "sinks": [],
        "parent": os.getpid(),
        "budget": {"cpu_s": 20, "memory_bytes": 1 << 30, "output_bytes": 1 << 30},
    }
    base.update(changes)  # type: ignore[typeddict-item]  # tests change single fields
    return base


def stand_in(script: str, wall_s: float = 30) -> Sandbox:
    """Return a sandbox that runs a script in place of the decoder."""
    return Sandbox(wall_s, ("-c", textwrap.dedent(script)))


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
        import json, os, sys, time
        if os.fork() == 0:
            time.sleep(20)
            os.write(json.loads(sys.argv[1])["sinks"][0], b"alive")
        {ending}
    """
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as end, recordings.spooled(b"") as file:
        with os.fdopen(writing, "wb") as sink, pytest.raises(DragomanError):
            stand_in(script, wall_s=2).run(file, (sink,), order(sinks=[sink.fileno()]), lambda: False)
        # It comes to an end only once nobody holds the other side.
        assert end.read() == b""


def test_too_much_processor_time_is_the_files_error() -> None:
    script = """
        import json, sys
        from services.codec.decoder import limit
        limit(json.loads(sys.argv[1])["budget"])
        while True: pass
    """
    budget = {"cpu_s": 1, "memory_bytes": 1 << 30, "output_bytes": 1}
    error = error_of(stand_in(script), budget=budget)
    assert isinstance(error, TooLarge)
    assert error.code == "decoder_limit"


def test_the_decoder_starts_with_nothing_in_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_SECRET_OF_THE_SERVER", "secret")
    script = """
        import json, os, sys
        seen = {"cwd": os.getcwd(), "files": os.listdir(), "environment": sorted(os.environ),
                "open": sorted(int(fd) for fd in os.listdir("/proc/self/fd")), "input": sys.stdin.read(),
                "path": sys.path[0]}
        print(json.dumps({"report": seen}))
    """
    with (tmp_path / "of the server").open("w"):
        seen: dict[str, Any] = dict(run(stand_in(script), b"the file"))
    assert seen["files"] == []
    assert set(seen["environment"]) <= {"LC_ALL", "LC_CTYPE", "PYTHONPATH"}
    assert max(seen["open"]) <= 3  # the fourth is the listing itself
    assert seen["input"] == "the file"
    assert seen["path"] != seen["cwd"]
    assert not Path(str(seen["cwd"])).exists()


def test_the_file_is_read_from_its_start_wherever_it_stood() -> None:
    script = "import json, sys; print(json.dumps({'report': {'input': sys.stdin.read()}}))"
    with recordings.spooled(b"whole file") as file:
        file.seek(5)
        assert dict(stand_in(script).run(file, (), order(), lambda: False)) == {"input": "whole file"}


LIMITS = """
    import json, resource, sys
    from services.codec.decoder import limit
    limit(json.loads(sys.argv[1])["budget"])
    kinds = {name: getattr(resource, "RLIMIT_" + name) for name in ("CPU", "AS", "FSIZE", "NOFILE", "CORE")}
    print(json.dumps({"report": {name: resource.getrlimit(kind)[0] for name, kind in kinds.items()}}))
"""


def test_the_kernel_holds_the_decoder_to_its_budget() -> None:
    budget = {"cpu_s": 7, "memory_bytes": 1 << 30, "output_bytes": 12_345}
    limits = dict(run(stand_in(LIMITS), budget=budget))
    assert limits == {"CPU": 7, "AS": 1 << 30, "FSIZE": 12_345, "NOFILE": 32, "CORE": 0}


def test_the_decoder_can_gain_no_privileges() -> None:
    script = """
        import json, sys
        from services.codec.decoder import limit
        limit(json.loads(sys.argv[1])["budget"])
        lines = dict(line.split(":\t") for line in open("/proc/self/status"))
        print(json.dumps({"report": {"no new privileges": int(lines["NoNewPrivs"])}}))
    """
    assert dict(run(stand_in(script))) == {"no new privileges": 1}


def test_a_decoder_without_memory_says_so() -> None:
    script = """
        import services.codec.decoder as decoder, sys
        def decode(source, order): return bytearray(1 << 40)
        decoder.decode = decode
        decoder.main(sys.argv[1])
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
        Sandbox(30).run(file, (sink,), order(sinks=[sink.fileno()]), lambda: False)
    assert (caught.value.code, caught.value.retryable) == ("spool_failed", True)


def test_a_decoder_whose_server_died_gives_up() -> None:
    data = recordings.wav(recordings.tone(1, 8000), 8000)
    assert error_of(Sandbox(30), data, parent=1).code == "decoder_crashed"
