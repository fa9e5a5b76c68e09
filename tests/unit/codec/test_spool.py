"""Nothing that the codec server holds of a call has a name on disk."""

from __future__ import annotations

import gc
import os
import tempfile
from pathlib import Path

import pytest

from services.codec.core import CodecCore
from services.codec.engines.pyav import PyavEngine, PyavSettings
from services.codec.engines.trade import alone
from services.codec.media import Caps, Clip, DecodeRequest, EncodeRequest
from services.codec.spool import spool
from tests.support import recordings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_spool_is_a_real_file_that_no_folder_lists(folder: Path) -> None:
    with spool() as file:
        file.write(b"what was said")
        file.flush()
        assert os.fstat(file.fileno()).st_size == 13
        assert list(folder.iterdir()) == []


def test_decoding_and_encoding_leave_nothing_behind(folder: Path) -> None:
    core = CodecCore(alone(PyavEngine(PyavSettings())), Caps())
    seen: set[str] = set()

    def watch() -> bool:
        seen.update(each.name for path in folder.iterdir() for each in path.iterdir())
        return False

    tone = recordings.tone(1, 8000)
    with recordings.spooled(recordings.wav(tone, 8000)) as file:
        with core.decode(file, DecodeRequest(), watch) as recording:
            assert list(folder.iterdir()) == []
            assert recording.duration_ms == 1000
        made = core.encode([Clip(0, 0, 8000, tone[:, 0])], EncodeRequest("opus"), watch)
        made.file.close()
    assert seen == set()
    assert list(folder.iterdir()) == []


def test_a_spool_that_nobody_closed_is_closed_when_the_last_one_lets_go() -> None:
    file = spool()
    file.write(b"what was said")
    number = file.fileno()
    del file  # A warning would be an error here.
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def test_what_nobody_took_is_closed_without_a_word() -> None:
    opened = Path("/proc/self/fd")
    gc.collect()  # What other tests left would be closed with it.
    before = sorted(opened.iterdir())
    file = spool()
    file.write(b"audio")
    # As in a traceback: the collector ends such things in no certain order, and warnings are errors here.
    ring: list[object] = [file]
    ring.append(ring)
    del file, ring
    gc.collect()
    assert sorted(opened.iterdir()) == before
