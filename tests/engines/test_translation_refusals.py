"""The converter, and what it and the engines of hub models refuse."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import ctranslate2
import pytest
import torch
import transformers

from services.shared.engines import Reference
from services.shared.errors import InternalError, Misconfigured
from services.translation import convert as converter
from services.translation.convert import convert
from services.translation.engines.registry import create
from tests.engines.translation_house import DEVICE, M2M100, NLLB, ONE, Engine, settings_with

pytest_plugins = ("tests.engines.translation_fixtures",)
# A package for a normalisation that translating does without.
pytestmark = pytest.mark.filterwarnings("ignore:Recommended")


def test_a_conversion_tells_what_it_was_made_from(
    checkpoints: dict[str, Path],
    engines: dict[tuple[str, str], Engine],
    conversions: dict[tuple[str, str], Path],
) -> None:
    for (name, quantization), folder in conversions.items():
        told = json.loads((folder / "languages.json").read_text())
        source = engines[name, "transformers"].model
        assert told["made_from"] == {"name": name, "revision": source.revision, "sha256": source.sha256}
        assert (told["quantization"], told["positions"]) == (quantization, 512)
        assert not (folder / "vocab.json").exists()


def test_the_converter_is_a_command(
    checkpoints: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = tmp_path / "new" / "en-pt"
    monkeypatch.setattr(
        sys, "argv", ["convert", str(checkpoints[ONE]), str(target), "--quantization", "int8"]
    )
    converter.main()
    assert "likeness" in capsys.readouterr().out
    assert ctranslate2.contains_model(str(target))
    with pytest.raises(SystemExit, match="target_exists"):
        converter.main()


def test_a_conversion_that_says_something_else_is_not_kept(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(checkpoints[ONE], tmp_path / "odd-en-pt")
    model = transformers.MarianMTModel.from_pretrained(folder)
    with torch.no_grad():
        # CTranslate2 begins a Marian's translation from nothing, which padding is in every sound one.
        model.get_input_embeddings().weight[model.config.pad_token_id] = 3.0
    model.save_pretrained(folder)
    with pytest.raises(InternalError) as error:
        convert(str(folder), tmp_path / "out", "float32", settings_with())
    assert error.value.code == "conversion_differs"
    assert [each.name for each in tmp_path.iterdir()] == ["odd-en-pt"]


def refusal(engine: str, folder: Path | str, **changes: Any) -> str:
    with pytest.raises(Misconfigured) as error:
        create(Reference(engine, str(folder)), settings_with(**changes))
    return error.value.code


@pytest.mark.parametrize("engine", ["transformers", "ctranslate2"])
def test_what_is_not_there_is_refused(engine: str, tmp_path: Path) -> None:
    assert refusal(engine, "") == "no_model"
    assert refusal(engine, tmp_path / "nowhere") == "model_missing"
    assert refusal(engine, tmp_path) == "model_missing"
    assert refusal(engine, "owner/model", models_dir=tmp_path) == "model_missing"


def test_a_checkpoint_that_is_wrong_is_refused(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoints[M2M100], tmp_path / "m2m100")
    weights, config = folder / "model.safetensors", folder / "config.json"
    whole, told = weights.read_bytes(), config.read_text()
    weights.write_bytes(whole[:5_000])
    assert refusal("transformers", folder) == "model_damaged"
    weights.write_bytes(whole)
    config.write_text(told.replace('"decoder_layers": 1', '"decoder_layers": 2'))
    assert refusal("transformers", folder) == "model_damaged"
    config.write_text(told.replace("m2m_100", "t5"))
    assert refusal("transformers", folder) == "model_kind_unknown"


def test_an_nllb_without_its_list_of_languages_is_refused(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(checkpoints[NLLB], tmp_path / "nllb")
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "NllbTokenizer"}')
    assert refusal("transformers", folder) == "languages_unknown"


def test_a_conversion_that_is_wrong_is_refused(
    checkpoints: dict[str, Path], conversions: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    assert refusal("ctranslate2", checkpoints[ONE]) == "model_not_converted"
    for name, file, code in (
        (ONE, "model.bin", "model_damaged"),
        (ONE, "source.spm", "model_damaged"),
        (NLLB, "tokenizer.json", "model_damaged"),
        (M2M100, "shared_vocabulary.json", "model_damaged"),
    ):
        folder = shutil.copytree(conversions[name, "float32"], tmp_path / f"{name}-{file}")
        (folder / file).write_bytes((folder / file).read_bytes()[:100])
        assert refusal("ctranslate2", folder) == code
    (tmp_path / f"{ONE}-source.spm" / "source.spm").unlink()
    assert refusal("ctranslate2", tmp_path / f"{ONE}-source.spm") == "model_missing"


def test_a_number_format_that_is_not_there_is_refused(checkpoints: dict[str, Path]) -> None:
    assert (
        refusal("transformers", checkpoints[ONE], translation_compute_type="int8")
        == "unsupported_compute_type"
    )


@pytest.mark.skipif(DEVICE == "cuda", reason="there is CUDA here")
@pytest.mark.parametrize("engine", ["transformers", "ctranslate2"])
def test_cuda_that_is_not_there_is_refused(
    engine: str, checkpoints: dict[str, Path], conversions: dict[tuple[str, str], Path]
) -> None:
    folder = checkpoints[ONE] if engine == "transformers" else conversions[ONE, "int8"]
    changes = {"translation_device": "cuda", "translation_compute_type": "default"}
    assert refusal(engine, folder, **changes) == "no_cuda"
