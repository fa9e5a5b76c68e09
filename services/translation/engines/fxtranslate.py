"""Firefox Translations models on the CPU through fxtranslate: int8, a direction per model."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from fxtranslate import Translator

from services.shared.config import Settings
from services.shared.engines import Model
from services.shared.errors import InternalError, Misconfigured
from services.shared.models.places import find
from services.translation.languages import Pair

MODELS: Final = ("firefox-en-pt", "firefox-pt-en")

_DIRECTION: Final = re.compile(r"(?:^|-)([a-z]{2,3})-([a-z]{2,3})$")


@dataclass(frozen=True, slots=True)
class Weights:
    """A direction's model on disk: model.bin, vocab.spm, lex.bin."""

    model: Model
    folder: Path


@dataclass(frozen=True, slots=True)
class _Order:
    text: str
    pair: Pair
    result: Future[str]


class FxTranslateEngine:
    """All translators on one thread that serves orders sentence by sentence.

    A translator may be used, and even freed, only on the thread that made it. It also holds the
    GIL, so more threads would not be faster: run more replicas. Concurrent calls take turns at each
    sentence, and the GIL is let go between two of them.

    Args:
        weights: What to load, by direction.

    Raises:
        Exception: whatever fxtranslate says about files that it cannot read.
    """

    def __init__(self, weights: Mapping[Pair, Weights]) -> None:
        self._weights = dict(weights)
        self._orders: SimpleQueue[_Order | None] = SimpleQueue()
        loaded: Future[None] = Future()
        arguments = (self._weights, self._orders, loaded)
        self._thread = threading.Thread(target=_serve, args=arguments, name="fxtranslate", daemon=True)
        self._thread.start()
        loaded.result()

    @property
    def model(self) -> Model:
        """The engine as a whole: its revision joins those of its models."""
        models = [self._weights[pair].model for pair in self.pairs]
        digest = hashlib.sha256("\n".join(model.sha256 for model in models).encode()).hexdigest()
        revision = "+".join(model.revision for model in models)
        return Model("fxtranslate", revision, digest, sum(model.size_bytes for model in models))

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The directions that were loaded."""
        return tuple(sorted(self._weights))

    @property
    def batch(self) -> int:
        """One, for it gains nothing from more."""
        return 1

    def model_of(self, pair: Pair) -> Model:
        """Return the model of a direction."""
        return self._weights[pair].model

    def translate(self, texts: Sequence[str], pair: Pair) -> list[str]:
        """Translate one sentence after the other.

        Raises:
            InternalError: the translator failed (translator_failed).
        """
        return [self._translate(text, pair) for text in texts]

    def close(self) -> None:
        """Free the models."""
        self._orders.put(None)
        self._thread.join()

    def _translate(self, text: str, pair: Pair) -> str:
        # These models take capitals for names and leave them as they are.
        shouted = text.isupper() and len(text.split()) > 1
        order = _Order(text.capitalize() if shouted else text, pair, Future())
        self._orders.put(order)
        result = order.result.result()
        return result.upper() if shouted else result


def _serve(weights: Mapping[Pair, Weights], orders: SimpleQueue[_Order | None], loaded: Future[None]) -> None:
    try:
        translators = {pair: _translator(each.folder) for pair, each in weights.items()}
    except Exception as error:  # noqa: BLE001 - raised again where the engine is made
        loaded.set_exception(error)
        return
    loaded.set_result(None)
    while (order := orders.get()) is not None:
        try:
            order.result.set_result(translators[order.pair].translate(order.text))
        except BaseException as error:  # noqa: BLE001 - a Rust panic is no Exception, and must not end the thread
            # Its message may quote the text, which belongs in no log.
            failure = InternalError(f"fxtranslate failed: {type(error).__name__}.", code="translator_failed")
            order.result.set_exception(failure)


def _translator(folder: Path) -> Translator:
    vocabulary = (folder / "vocab.spm").read_bytes()
    model, shortlist = (folder / "model.bin").read_bytes(), (folder / "lex.bin").read_bytes()
    return Translator(model, vocabulary, vocabulary, shortlist)


def load(settings: Settings, model: str = "") -> FxTranslateEngine:
    """Load every direction of the lite set, or one.

    Args:
        settings: For the folder of the models.
        model: One of the manifest's models, or a folder whose name ends in its direction, such as "en-pt".

    Raises:
        Misconfigured: a model is missing or damaged, or its name tells no direction (unknown_direction).
    """
    names = [model] if model else list(MODELS)
    places = [find(settings.models_dir, name) for name in names]
    return FxTranslateEngine({_pair(place.folder): Weights(place.model, place.folder) for place in places})


def _pair(folder: Path) -> Pair:
    match = _DIRECTION.search(folder.name)
    if match is None:
        raise Misconfigured(
            f"The folder {folder.name} must end in its direction, such as my-model-en-pt.",
            code="unknown_direction",
        )
    return Pair(*match.groups())
