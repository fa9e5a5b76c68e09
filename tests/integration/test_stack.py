"""The whole stack as `dragoman up` starts it, on fake engines: a call in, a result out, nothing left."""

from __future__ import annotations

import json
import os
import pty
import signal
import stat
import subprocess
import sys
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from services.cli.stack.process import identity_of
from tests.support.recordings import voice
from tests.support.redis_server import free_port

ROOT = Path(__file__).parents[2]
PORTS = ("REDIS", "HTTP", "ASR", "TRANSLATION", "TTS", "CODEC")
RATE_HZ = 8000


@dataclass(frozen=True)
class Installation:
    """A home folder and ports of its own, and the command line that works there."""

    home: Path
    environment: dict[str, str]

    def dragoman(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "services.cli.main", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def pids(self) -> list[int]:
        return [json.loads(file.read_text())["pid"] for file in (self.home / "run").glob("*.pid")]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A stack that is up."""
    home = tmp_path_factory.mktemp("stack") / "home"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DRAGOMAN_")}
    ports = {f"DRAGOMAN_{name}_PORT": str(free_port()) for name in PORTS}
    engines = {f"DRAGOMAN_{room}_ENGINES": "fake" for room in ("ASR", "TRANSLATION", "TTS")}
    environment = {**inherited, **ports, **engines, "DRAGOMAN_HOME": str(home), "DRAGOMAN_DRAIN_S": "5"}
    installation = Installation(home, environment)
    up = installation.dragoman("up")
    try:
        assert up.returncode == 0, up.stderr
        yield installation
    finally:
        installation.dragoman("down")


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of two channels: a pitch with pauses on the left, another one on the right."""
    file = tmp_path_factory.mktemp("calls") / "call.wav"
    seconds = np.arange(2 * RATE_HZ) / RATE_HZ
    left = voice(2, RATE_HZ, 440, 12_000) * (seconds % 1 < 0.6)
    right = voice(2, RATE_HZ, 300, 12_000) * (seconds % 1 >= 0.5)
    samples = np.stack([left, right], axis=1).astype("<i2")
    with wave.open(str(file), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        out.writeframes(samples.tobytes())
    return file


def test_every_component_is_ready(stack: Installation) -> None:
    status = stack.dragoman("status")
    lines = status.stdout.splitlines()[1:]
    assert status.returncode == 0
    assert [line.split()[1] for line in lines] == ["ready"] * 11


def test_up_again_says_that_it_is_up(stack: Installation) -> None:
    before = sorted(stack.pids())
    up = stack.dragoman("up")
    assert up.returncode == 0
    assert "Already up" in up.stdout
    assert sorted(stack.pids()) == before


def test_the_admin_key_is_for_its_owner_only(stack: Installation) -> None:
    assert stat.S_IMODE((stack.home / "admin.key").stat().st_mode) == 0o600


def test_a_call_comes_back_translated_with_all_its_files(
    stack: Installation, call: Path, tmp_path: Path
) -> None:
    channels = ("--channel", "agent:en:pt-BR", "--channel", "customer:pt-BR:en")
    submitted = stack.dragoman("submit", str(call), *channels, "--out", str(tmp_path))
    assert submitted.returncode == 0, submitted.stderr
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert [channel["role"] for channel in result["channels"]] == ["agent", "customer"]
    assert all(channel["regions"] for channel in result["channels"])
    names = {file.name.rpartition(".")[2] for file in tmp_path.iterdir()}
    assert {"json", "srt", "vtt", "ogg"} <= names


def test_a_text_comes_back_translated(stack: Installation) -> None:
    text = ("--kind", "text_translation", "--text", "Good morning", "--from", "en", "--to", "pt-BR")
    done = stack.dragoman("submit", *text, "--watch")
    assert done.returncode == 0, done.stderr
    assert "Good_pt morning_pt" in done.stdout.splitlines()


def test_jobs_are_listed_shown_and_their_results_printed(stack: Installation, call: Path) -> None:
    job_id = stack.dragoman(
        "submit", str(call), "--kind", "transcription", "--from", "en", "--watch"
    ).stdout.split()[0]
    assert job_id in stack.dragoman("jobs").stdout
    assert json.loads(stack.dragoman("job", job_id).stdout)["state"] == "succeeded"
    assert json.loads(stack.dragoman("result", job_id).stdout)["kind"] == "transcription"


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "empty_file"), (b"this is no recording at all\n" * 40, "unknown_media")],
)
def test_a_file_that_is_no_recording_is_refused_in_one_line(
    stack: Installation, tmp_path: Path, content: bytes, code: str
) -> None:
    file = tmp_path / "bad.wav"
    file.write_bytes(content)
    done = stack.dragoman("submit", str(file), "--from", "en", "--to", "pt-BR")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error {code}: ")
    assert "Traceback" not in done.stderr


def test_a_wrong_key_is_refused(stack: Installation) -> None:
    stranger = Installation(stack.home, stack.environment | {"DRAGOMAN_API_KEY": "wrong"})
    assert stranger.dragoman("jobs").stderr.startswith("error invalid_key: ")


def test_no_log_holds_the_redis_password_or_the_key(stack: Installation) -> None:
    secrets = [(stack.home / name).read_text().strip() for name in ("redis/password", "admin.key")]
    for log in (stack.home / "log").iterdir():
        assert not any(secret in log.read_text() for secret in secrets), log.name


def test_the_demo_leaves_a_stack_alone_that_was_up(stack: Installation) -> None:
    before = sorted(stack.pids())
    demo = stack.dragoman("demo")
    assert demo.returncode == 0, demo.stderr
    assert sorted(stack.pids()) == before
    assert all(text in demo.stdout for text in ("agent  en", "customer  pt-BR", "real-time factor"))
    (folder,) = (stack.home / "demo").iterdir()
    assert str(folder / "result.json") in demo.stdout.replace("\n", "")
    assert {"result.json", "subtitles.en.srt", "speech.mixed.ogg"} <= {file.name for file in folder.iterdir()}


def test_down_leaves_no_process_and_up_brings_the_jobs_back(stack: Installation) -> None:
    before, pids = stack.dragoman("jobs").stdout, stack.pids()
    down = stack.dragoman("down")
    assert down.returncode == 0, down.stderr
    assert down.stdout.count("stopped") == len(pids) == 11
    assert [identity_of(pid) for pid in pids] == [None] * len(pids)
    assert stack.pids() == []
    assert stack.dragoman("status").returncode == 1
    assert stack.dragoman("up").returncode == 0
    assert stack.dragoman("jobs").stdout == before


def test_ctrl_c_ends_a_demo_and_the_stack_that_it_started(stack: Installation) -> None:
    assert stack.dragoman("down").returncode == 0
    with subprocess.Popen(
        [sys.executable, "-m", "services.cli.main", "demo"],
        cwd=ROOT,
        env=stack.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # As in a terminal, even where the tests themselves run in the background, deaf to Ctrl-C.
        preexec_fn=_hear_ctrl_c,  # noqa: PLW1509 (it takes no lock)
    ) as demo:
        assert demo.stdout is not None
        while "codec-server" not in demo.stdout.readline():
            assert demo.poll() is None
        pids = stack.pids()
        assert len(pids) == 11
        demo.send_signal(signal.SIGINT)
        demo.stdout.read()
    assert demo.returncode != 0
    assert [identity_of(pid) for pid in pids] == [None] * 11


def _hear_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_a_closed_terminal_ends_a_demo_and_the_stack_that_it_started(stack: Installation) -> None:
    stack.dragoman("down")
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        command = [sys.executable, "-m", "services.cli.main", "demo"]
        os.execve(sys.executable, command, stack.environment)  # noqa: S606 (no shell is the point of it)
    seen = b""
    while b"Translating" not in seen:
        seen += os.read(terminal, 1024)
    pids = stack.pids()
    assert len(pids) == 11
    os.close(terminal)
    os.waitpid(pid, 0)
    assert [identity_of(pid) for pid in pids] == [None] * 11
