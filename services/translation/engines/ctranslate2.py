"""Marian, M2M100 and NLLB-200 models converted to CTranslate2, on CPU or CUDA, without PyTorch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import ctranslate2

from services.shared.engines import Model
from services.shared.errors import Misconfigured
from services.shared.models.places import Place, find
from services.shared.threads import cores
from services.translation.engines.base import MOST_OTHERS, Context
from services.translation.engines.hub_folders import (
    kind_of,
    languages_file,
    most_pieces,
    read_json,
    tongues,
)
from services.translation.engines.hub_languages import Kind
from services.translation.engines.subwords import subwords
from services.translation.languages import Pair
from services.translation.settings import TranslationSettings

_END: Final = "</s>"
# Older conversions have lines in place of JSON; a Marian may have a vocabulary for each side.
_VOCABULARIES: Final = (
    "shared_vocabulary.json",
    "shared_vocabulary.txt",
    "source_vocabulary.json",
    "source_vocabulary.txt",
)


class CTranslate2Engine:
    """One conversion; as many calls run at once as the server has slots, if there are cores for them.

    Args:
        place: Where the conversion lies.
        settings: Device, number format, beams, threads, slots and batch size.

    Raises:
        Misconfigured: model_not_converted, model_kind_unknown, model_missing, model_damaged,
            languages_unknown, languages_file_wrong, unsupported_compute_type or no_cuda.
    """

    def __init__(self, place: Place, settings: TranslationSettings) -> None:
        self._place = place
        self._batch = settings.translation_batch
        self._beam = settings.translation_beam
        vocabulary = _vocabulary(place)
        kind = kind_of(place.folder)
        self._tongues = tongues(place.folder, place.model.name, kind, vocabulary)
        self._subwords = subwords(place.folder, kind)
        self._positions = languages_file(place.folder).positions
        legacy = read_json(place.folder / "tokenizer_config.json").get("legacy_behaviour")
        self._source_last = kind is Kind.NLLB and bool(legacy)
        self._translator = _translator(place, settings)

    @property
    def model(self) -> Model:
        """The conversion."""
        return self._place.model

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The directions between its languages."""
        return self._tongues.pairs

    @property
    def batch(self) -> int:
        """As the settings say."""
        return self._batch

    @property
    def device(self) -> str:
        """Where the weights are, such as "cpu" or "cuda:0"."""
        index = self._translator.device_index[0]
        return "cpu" if self._translator.device == "cpu" else f"{self._translator.device}:{index}"

    @property
    def compute_type(self) -> str:
        """The number format that runs, such as "int8_float32"."""
        return str(self._translator.compute_type)

    def model_of(self, _pair: Pair) -> Model:
        """Return the conversion."""
        return self.model

    def translate(self, texts: Sequence[str], pair: Pair) -> list[str]:
        """Translate sentences in one batch.

        Raises:
            TooLarge: one has more pieces than the model takes (sentence_too_long).
        """
        return [each[0] for each in self._hypotheses(texts, pair, 1)]

    def others(
        self, texts: Sequence[str], pair: Pair, _context: Context, _limits: Sequence[int]
    ) -> list[list[str]]:
        """Translate sentences in several ways, the likeliest first, however long they are.

        Raises:
            TooLarge: one has more pieces than the model takes (sentence_too_long).
        """
        return self._hypotheses(texts, pair, MOST_OTHERS)

    def close(self) -> None:
        """Free the weights."""
        self._translator.unload_model()

    def _hypotheses(self, texts: Sequence[str], pair: Pair, count: int) -> list[list[str]]:
        if not texts:
            return []
        sources = [self._marked(self._subwords.cut(text), pair) for text in texts]
        most = [most_pieces(len(pieces), self._positions) for pieces in sources]
        prefix = self._prefix(pair)
        done = self._translator.translate_batch(
            sources,
            target_prefix=[prefix] * len(sources) if prefix else None,
            beam_size=max(self._beam, count),
            num_hypotheses=count,
            max_decoding_length=max(most),
            max_input_length=0,
            disable_unk=True,
        )
        # What the batch let run on beyond its own bound is cut, so that a sentence does not depend on its
        # neighbours.
        return [
            [self._subwords.join(row[len(prefix) : bound]).strip() for row in each.hypotheses]
            for each, bound in zip(done, most, strict=True)
        ]

    def _marked(self, pieces: list[str], pair: Pair) -> list[str]:
        """Put the marks of language and end to a sentence's pieces."""
        kind = self._tongues.kind
        if kind is Kind.MARIAN:
            first = self._tongues.target_token(pair)
        else:
            first = kind.token(self._tongues.source_code(pair))
        if self._source_last:
            return [*pieces, _END, first]
        return [*([first] if first else []), *pieces, _END]

    def _prefix(self, pair: Pair) -> list[str]:
        return [] if self._tongues.kind is Kind.MARIAN else [self._tongues.target_token(pair)]


def _vocabulary(place: Place) -> frozenset[str]:
    """Return all pieces of a conversion.

    Raises:
        Misconfigured: it is none (model_not_converted), or damaged (model_damaged).
    """
    found = next((each for name in _VOCABULARIES if (each := place.folder / name).is_file()), None)
    if found is None or not (place.folder / "model.bin").is_file():
        raise Misconfigured(
            f"{place.model.name} is no CTranslate2 model. Run `python -m services.translation.convert "
            "MODEL FOLDER`, or use the engine transformers.",
            code="model_not_converted",
        )
    try:
        return frozenset(_pieces(found))
    except ValueError as error:
        raise Misconfigured(
            f"{found.name} of {place.model.name} cannot be read. Convert it anew.", code="model_damaged"
        ) from error


def _pieces(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return list(map(str, json.loads(text))) if path.suffix == ".json" else text.split("\n")


def _translator(place: Place, settings: TranslationSettings) -> Any:
    device, index = _device(settings.translation_device)
    wanted, threads = settings.translation_compute_type, settings.translation_threads
    known = {"default", "auto", *ctranslate2.get_supported_compute_types(device)}
    if wanted not in known:
        raise Misconfigured(
            f"CTranslate2 has no {wanted} on this {device}; DRAGOMAN_TRANSLATION_COMPUTE_TYPE takes "
            f"{', '.join(sorted(known))}.",
            code="unsupported_compute_type",
        )
    at_once = settings.translation_slots
    if device == "cpu":
        at_once = max(1, min(at_once, cores() // threads))
    try:
        return ctranslate2.Translator(
            str(place.folder),
            device,
            device_index=index,
            compute_type=wanted,
            inter_threads=at_once,
            intra_threads=threads,
        )
    except (RuntimeError, ValueError) as error:
        raise Misconfigured(
            f"CTranslate2 cannot load {place.model.name} ({type(error).__name__}). Convert it anew.",
            code="model_damaged",
        ) from error


def _device(wanted: str) -> tuple[str, int]:
    """Return the device and its number.

    Raises:
        Misconfigured: CUDA was asked for and is not there (no_cuda).
    """
    there = ctranslate2.get_cuda_device_count()
    name, _, number = wanted.partition(":")
    if name == "cuda" and int(number or 0) >= there:
        raise Misconfigured(
            "DRAGOMAN_TRANSLATION_DEVICE asks for CUDA, which CTranslate2 does not find here.", code="no_cuda"
        )
    if name == "auto":
        name = "cuda" if there else "cpu"
    return name, int(number or 0)


def load(settings: TranslationSettings, model: str = "") -> CTranslate2Engine:
    """Load a conversion.

    Raises:
        Misconfigured: no model is named (no_model), it is not here, or cannot be loaded.
    """
    if not model:
        raise Misconfigured(
            "The engine ctranslate2 needs a model: DRAGOMAN_TRANSLATION_ENGINES=ctranslate2:owner/name or "
            "ctranslate2:/a/folder.",
            code="no_model",
        )
    return CTranslate2Engine(find(settings.models_dir, model), settings)
