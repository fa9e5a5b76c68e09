"""Fixtures with hub models: each is trained and converted once in a run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers

from services.translation.convert import convert
from tests.engines import translation_models as models
from tests.engines.translation_house import (
    FAMILIES,
    M2M100,
    NLLB,
    ONE,
    SEVERAL,
    Engine,
    opened,
    settings_with,
)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Trained and saved by the library itself."""
    torch.set_num_threads(1)
    transformers.logging.disable_progress_bar()
    folders = {name: tmp_path_factory.mktemp("hub") / name for name in FAMILIES}
    for folder in folders.values():
        folder.mkdir()
    models.marian(folders[ONE])
    models.marian(folders[SEVERAL], targets=("pt", "es"))
    models.m2m100(folders[M2M100])
    models.nllb(folders[NLLB])
    return folders


@pytest.fixture(scope="session")
def conversions(
    checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, str], Path]:
    """Each checkpoint in two number formats, in folders whose names tell nothing."""
    folder = tmp_path_factory.mktemp("converted")
    return {
        (name, quantization): convert(
            str(checkpoint), folder / f"{number}-{quantization}", quantization, settings_with()
        ).folder
        for number, (name, checkpoint) in enumerate(checkpoints.items())
        for quantization in ("float32", "int8")
    }


@pytest.fixture(scope="session")
def engines(
    checkpoints: dict[str, Path], conversions: dict[tuple[str, str], Path]
) -> dict[tuple[str, str], Engine]:
    """All engines of all models."""
    loaded: dict[tuple[str, str], Engine] = {
        (name, "transformers"): opened("transformers", folder) for name, folder in checkpoints.items()
    }
    for (name, quantization), folder in conversions.items():
        kind = "default" if quantization == "int8" else "float32"
        loaded[name, quantization] = opened("ctranslate2", folder, translation_compute_type=kind)
    return loaded
