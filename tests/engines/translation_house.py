"""The hub models that are trained for tests, what they know, and the engines that run them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from services.shared.engines import Reference
from services.translation.engines.ctranslate2 import CTranslate2Engine
from services.translation.engines.registry import create
from services.translation.engines.transformers import TransformersEngine
from services.translation.languages import Pair
from services.translation.settings import TranslationSettings
from tests.engines import translation_models as models

Engine = TransformersEngine | CTranslate2Engine

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
EN_PT, EN_ES = Pair("en", "pt"), Pair("en", "es")
# By the names that such checkpoints have on a hub: a Marian's tells its languages.
ONE, SEVERAL, M2M100, NLLB = "opus-mt-en-pt", "opus-mt-en-ROMANCE", "m2m100", "nllb-200"
FAMILIES = (ONE, SEVERAL, M2M100, NLLB)
ENGINES = ("transformers", "float32", "int8")


def settings_with(**changes: Any) -> TranslationSettings:
    chosen = {"translation_device": DEVICE, "translation_compute_type": "float32", "translation_slots": 2}
    return TranslationSettings(**{**chosen, **changes})


def opened(engine: str, folder: Path, **changes: Any) -> Engine:
    made = create(Reference(engine, str(folder)), settings_with(**changes))
    assert isinstance(made, Engine)
    return made


def known(name: str) -> Iterator[tuple[Pair, Sequence[str], Sequence[str]]]:
    """Yield what a model has learnt: direction, sentences, translations."""
    if name == ONE:
        yield EN_PT, models.ENGLISH, models.PORTUGUESE
        return
    for source, target, sentences, translations in models.MANY:
        yield Pair(source, target), sentences, translations
