"""Whisper of another size, for English only: a small model that learns a prompt, in a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ctranslate2.converters import TransformersConverter
from faster_whisper.audio import pad_or_trim
from faster_whisper.feature_extractor import FeatureExtractor
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast, WhisperConfig, WhisperForConditionalGeneration

from services.asr.core import AUTO, AsrCore
from services.asr.engines.base import Task
from services.asr.engines.faster_whisper import DEFAULT_MODEL
from services.asr.engines.registry import create
from services.asr.engines.trade import Ability, alone
from services.asr.settings import AsrSettings
from services.shared.engines import Reference
from services.shared.errors import Unsupported
from services.shared.models.catalogue import Catalogue
from tests.support.speech import PROMPTS, prompt

pytestmark = pytest.mark.models
# Where its control tokens begin tells CTranslate2 whether a model knows English only: one token earlier.
SHAPE = WhisperConfig(
    vocab_size=51_864,
    d_model=64,
    encoder_layers=1,
    decoder_layers=2,
    encoder_attention_heads=1,
    decoder_attention_heads=2,
    encoder_ffn_dim=128,
    decoder_ffn_dim=128,
)
LEARNT = "en-press-9"
MOST_STEPS, LEARNED = 400, 0.01
CUDA = torch.cuda.is_available()
FORMATS = ["float16", "int8_float16"] if CUDA else ["float32", "int8"]


def never() -> bool:
    return False


def tokenizer() -> dict[str, Any]:
    """Return the catalogue's tokenizer without its last word, so that all control tokens move up by one."""
    file = Catalogue(AsrSettings().models_dir).folder(DEFAULT_MODEL) / "tokenizer.json"
    known: dict[str, Any] = json.loads(file.read_text())
    words = known["model"]["vocab"]
    del words[max(words, key=words.get)]
    known["added_tokens"] = [{**token, "id": token["id"] - 1} for token in known["added_tokens"]]
    return known


def spoken(name: str, text: str, words: Tokenizer) -> tuple[torch.Tensor, list[int]]:
    """Return a prompt as the library hears it, and what the model is to say for it, timestamps and all."""
    features = FeatureExtractor()(prompt(name).astype(np.float32) / 32768)[:, :-1]
    end = f"<|{features.shape[1] // 2 * 0.02:.2f}|>"
    said = f"<|startoftranscript|><|0.00|> {text}{end}<|endoftext|>"
    return torch.from_numpy(pad_or_trim(features)), words.encode(said, add_special_tokens=False).ids


def trained(words: Tokenizer) -> WhisperForConditionalGeneration:
    """Return a narrow model that knows one prompt by heart."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = WhisperForConditionalGeneration(SHAPE)
    heard, said = spoken(LEARNT, PROMPTS[LEARNT], words)
    tokens = torch.tensor([said])
    before, after = tokens[:, :-1], tokens[:, 1:]
    # What it hears stays as it came; only what it says for that is learnt, which takes seconds.
    with torch.no_grad():
        encoded = model.model.encoder(heard[None]).last_hidden_state
    optimizer = torch.optim.Adam(model.model.decoder.parameters(), lr=0.003)
    for _ in range(MOST_STEPS):
        logits = model(encoder_outputs=(encoded,), decoder_input_ids=before).logits
        loss = torch.nn.functional.cross_entropy(logits.transpose(1, 2), after)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss.item() < LEARNED:
            return model.eval()
    raise AssertionError(f"it did not learn its sentences: {loss.item()}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model as CTranslate2 wants it."""
    made, converted = tmp_path_factory.mktemp("made"), tmp_path_factory.mktemp("models") / "narrow.en"
    bare = json.dumps(tokenizer())
    (made / "bare.json").write_text(bare)
    trained(Tokenizer.from_str(bare)).save_pretrained(made)
    PreTrainedTokenizerFast(tokenizer_file=str(made / "bare.json")).save_pretrained(made)
    TransformersConverter(str(made)).convert(str(converted))
    (converted / "tokenizer.json").write_text(bare)
    return converted


@pytest.fixture(scope="module", params=FORMATS)
def core(request: pytest.FixtureRequest, folder: Path) -> AsrCore:
    settings = AsrSettings(asr_device="cuda" if CUDA else "cpu", asr_compute_type=request.param)
    return AsrCore(alone(create(Reference("faster-whisper", str(folder)), settings)))


def test_it_knows_english_and_nothing_else(core: AsrCore) -> None:
    (found,) = core.models
    assert found.model.name == "narrow.en"
    assert len(found.model.sha256) == 64
    assert found.description == Ability(("en",), translates_to_english=False)


def test_it_says_what_it_has_learnt(core: AsrCore) -> None:
    heard = core.transcribe(prompt(LEARNT), AUTO, Task.TRANSCRIBE, never)
    assert heard.text == PROMPTS[LEARNT]
    assert (heard.spoken, heard.spoken_confidence) == ("en", 1.0)
    assert heard.model.name == "narrow.en"
    assert " ".join(word.text for word in heard.words) == heard.text


def test_its_regions_are_english(core: AsrCore) -> None:
    found = core.segment(prompt("es-marque-1"), AUTO, never)
    assert (found.language, found.language_confidence) == ("en", 1.0)


@pytest.mark.parametrize(
    ("language", "task", "code"),
    [("es", Task.TRANSCRIBE, "unsupported_language"), ("en", Task.TRANSLATE, "unsupported_task")],
)
def test_what_it_cannot_do_is_refused(core: AsrCore, language: str, task: Task, code: str) -> None:
    with pytest.raises(Unsupported) as caught:
        core.transcribe(prompt("en-press-9"), language, task, never)
    assert caught.value.code == code
