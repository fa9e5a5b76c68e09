"""Marian, M2M100 and NLLB-200 checkpoints through the transformers library, on CPU or CUDA."""

from __future__ import annotations

import gc
import threading
import warnings
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import torch
import transformers

from services.shared.engines import Model
from services.shared.errors import DragomanError, Misconfigured
from services.shared.models.places import Place, find
from services.translation.engines.base import MOST_OTHERS, Context
from services.translation.engines.hub_folders import kind_of, most_pieces, tongues
from services.translation.engines.hub_languages import Kind
from services.translation.languages import Pair
from services.translation.settings import TranslationSettings

_TYPES: Final = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
_TOKENIZERS: Final = {
    Kind.MARIAN: transformers.MarianTokenizer,
    Kind.M2M100: transformers.M2M100Tokenizer,
    Kind.NLLB: transformers.NllbTokenizer,
}
_MODELS: Final = {
    Kind.MARIAN: transformers.MarianMTModel,
    Kind.M2M100: transformers.M2M100ForConditionalGeneration,
    Kind.NLLB: transformers.M2M100ForConditionalGeneration,
}


class TransformersEngine:
    """One checkpoint; its calls take turns, for the tokenizer keeps the source language between them.

    Args:
        place: Where the checkpoint lies.
        settings: Device, number format, beams, threads and batch size.

    Raises:
        Misconfigured: model_kind_unknown, model_damaged, languages_unknown, languages_file_wrong,
            unsupported_compute_type or no_cuda.
    """

    def __init__(self, place: Place, settings: TranslationSettings) -> None:
        self._place = place
        self._batch = settings.translation_batch
        self._beam = settings.translation_beam
        self._lock = threading.Lock()
        kind = kind_of(place.folder)
        self._device = _device(settings.translation_device)
        precision = _precision(settings.translation_compute_type, self._device)
        torch.set_num_threads(settings.translation_threads)
        self._tokenizer, model = _loaded(place, kind, precision)
        self._model = model.to(self._device).eval()
        # Lengths are given with each call.
        self._model.generation_config.max_length = None
        self._tongues = tongues(place.folder, place.model.name, kind, frozenset(_vocabulary(self._tokenizer)))

    @property
    def model(self) -> Model:
        """The checkpoint."""
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
        return str(self._model.device)

    @property
    def positions(self) -> int:
        """Most pieces of a sentence."""
        return int(self._model.config.max_position_embeddings)

    def model_of(self, _pair: Pair) -> Model:
        """Return the checkpoint."""
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
        del self._model
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _hypotheses(self, texts: Sequence[str], pair: Pair, count: int) -> list[list[str]]:
        if not texts:
            return []
        with self._lock, torch.inference_mode():
            inputs = self._encoded(texts, pair)
            lengths = inputs["attention_mask"].sum(dim=1).tolist()
            most = [most_pieces(length, self.positions) for length in lengths]
            forced = self._forced(pair)
            made = self._model.generate(
                **inputs.to(self._device),
                **forced,
                do_sample=False,
                num_beams=max(self._beam, count),
                num_return_sequences=count,
                max_new_tokens=max(most),
                suppress_tokens=[self._tokenizer.unk_token_id, self._tokenizer.pad_token_id],
            )
            # The decoder's first piece, and the language after it, are no text. What the batch let run on
            # beyond its own bound is cut, so that a sentence does not depend on its neighbours.
            start = 1 + len(forced)
            rows = iter(made.tolist())
            return [[self._decoded(row[start : 1 + bound]) for row in islice(rows, count)] for bound in most]

    def _encoded(self, texts: Sequence[str], pair: Pair) -> Any:
        if self._tongues.kind is Kind.MARIAN:
            # Without a space, a text that begins with ">>" would be taken for such a token.
            token = self._tongues.target_token(pair)
            texts = [f"{token} {text}" for text in texts]
        else:
            self._tokenizer.src_lang = self._tongues.source_code(pair)
        # What looks like a special token in a text is text.
        return self._tokenizer(list(texts), padding=True, return_tensors="pt", split_special_tokens=True)

    def _forced(self, pair: Pair) -> dict[str, int]:
        """Return what makes the model begin with the target language."""
        if self._tongues.kind is Kind.MARIAN:
            return {}
        token = self._tongues.target_token(pair)
        return {"forced_bos_token_id": int(self._tokenizer.convert_tokens_to_ids(token))}

    def _decoded(self, row: list[int]) -> str:
        text = self._tokenizer.decode(row, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(text).strip()


def load_tokenizer(folder: Path, kind: Kind) -> Any:
    """Return a checkpoint's own tokenizer; only files are read."""
    with warnings.catch_warnings():
        # It recommends a package for a normalisation that it does not use when it translates.
        warnings.filterwarnings("ignore", message="Recommended: pip install sacremoses")
        tokenizer = _TOKENIZERS[kind].from_pretrained(folder, local_files_only=True)
    if kind is Kind.M2M100:
        # Where the files do not list its languages it knows them, but not as pieces.
        missing = [each for each in tokenizer.lang_token_to_id if each not in tokenizer.get_vocab()]
        tokenizer.add_special_tokens({"extra_special_tokens": missing})
    return tokenizer


def _loaded(place: Place, kind: Kind, precision: Any) -> tuple[Any, Any]:
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        tokenizer = load_tokenizer(place.folder, kind)
        model, found = _MODELS[kind].from_pretrained(
            place.folder, dtype=precision, local_files_only=True, output_loading_info=True
        )
    except DragomanError:
        raise
    except Exception as error:
        # The library raises anything from KeyError to SafetensorError.
        raise _damaged(place, type(error).__name__) from error
    if found["missing_keys"]:
        # The library would go on with random numbers.
        raise _damaged(place, f"{len(found['missing_keys'])} weights are missing")
    return tokenizer, model


def _damaged(place: Place, why: str) -> Misconfigured:
    return Misconfigured(
        f"transformers cannot load {place.model.name} ({why}). Bring all its files anew.",
        code="model_damaged",
    )


def _vocabulary(tokenizer: Any) -> set[str]:
    return set(tokenizer.get_vocab())


def _device(wanted: str) -> Any:
    """Return the torch device.

    Raises:
        Misconfigured: CUDA was asked for and is not there (no_cuda).
    """
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    name, _, number = wanted.partition(":")
    if name == "cuda" and int(number or 0) >= there:
        raise Misconfigured(
            "DRAGOMAN_TRANSLATION_DEVICE asks for CUDA, which PyTorch does not find here.", code="no_cuda"
        )
    return torch.device(("cuda" if there else "cpu") if wanted == "auto" else wanted)


def _precision(wanted: str, device: Any) -> Any:
    """Return the torch type.

    Raises:
        Misconfigured: it has no such type (unsupported_compute_type).
    """
    if wanted in {"default", "auto"}:
        return torch.float16 if device.type == "cuda" else torch.float32
    if wanted not in _TYPES:
        raise Misconfigured(
            f"The engine transformers takes default, auto, {', '.join(_TYPES)} for "
            f"DRAGOMAN_TRANSLATION_COMPUTE_TYPE, not {wanted}; ctranslate2 takes the others.",
            code="unsupported_compute_type",
        )
    return _TYPES[wanted]


def load(settings: TranslationSettings, model: str = "") -> TransformersEngine:
    """Load a checkpoint.

    Raises:
        Misconfigured: no model is named (no_model), it is not here, or cannot be loaded.
    """
    if not model:
        raise Misconfigured(
            "The engine transformers needs a model: DRAGOMAN_TRANSLATION_ENGINES=transformers:owner/name or "
            "transformers:/a/folder.",
            code="no_model",
        )
    return TransformersEngine(find(settings.models_dir, model), settings)
