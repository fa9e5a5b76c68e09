"""What keeps a Whisper model from being loaded says why."""

from __future__ import annotations

from pathlib import Path

import ctranslate2
import pytest

from services.asr.engines.faster_whisper import Decoding, FasterWhisperEngine
from services.shared.engines import Model
from services.shared.errors import Misconfigured


def test_a_folder_without_a_model_is_an_error_and_never_a_download(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"model\.bin"):
        FasterWhisperEngine(tmp_path, Model("empty", "0"), Decoding())


def test_a_number_format_that_the_processor_lacks_is_refused_with_those_it_has(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="float32") as caught:
        FasterWhisperEngine(tmp_path, Model("empty", "0"), Decoding(compute_type="int3"))
    assert caught.value.code == "unsupported_compute_type"


@pytest.mark.skipif(ctranslate2.get_cuda_device_count() > 0, reason="this machine has a CUDA device")
def test_a_device_that_is_not_here_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="DRAGOMAN_ASR_DEVICE") as caught:
        FasterWhisperEngine(tmp_path, Model("empty", "0"), Decoding(device="cuda"))
    assert caught.value.code == "unsupported_device"
