"""`python -m services.translation.convert MODEL FOLDER` converts a transformers checkpoint to CTranslate2.

It needs PyTorch (requirements/transformers.txt); what it writes does not. The result is tried before it gets
its name: a sentence is translated by the checkpoint and by the conversion, and both must agree.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, Final

from ctranslate2.converters import TransformersConverter

from services.shared.config import load
from services.shared.errors import DragomanError, InternalError, Misconfigured
from services.shared.models.places import Place, find
from services.translation.engines.ctranslate2 import CTranslate2Engine
from services.translation.engines.hub_folders import (
    LANGUAGES_FILE,
    LanguagesFile,
    MadeFrom,
    kind_of,
    languages_file,
)
from services.translation.engines.hub_languages import Kind
from services.translation.engines.transformers import TransformersEngine, load_tokenizer
from services.translation.languages import Pair
from services.translation.settings import TranslationSettings

QUANTIZATIONS: Final = (
    "float32",
    "float16",
    "bfloat16",
    "int16",
    "int8",
    "int8_float32",
    "int8_float16",
    "int8_bfloat16",
)
SENTENCE: Final = "How can I help you?"
# A conversion in fewer bits may choose other words, but not only others.
_ALIKE: Final = 0.5
_WELL_KNOWN: Final = ("es", "fr", "de", "pt")


@dataclass(frozen=True, slots=True)
class Conversion:
    """What was made.

    Attributes:
        folder: Of the conversion.
        pair: In which it was tried.
        said: What the checkpoint made of the sentence, and what the conversion did.
        likeness: Of both, from 0 to 1.
    """

    folder: Path
    pair: Pair
    said: tuple[str, str]
    likeness: float


class _Converter(TransformersConverter):  # type: ignore[misc]  # the library is untyped
    """The library's converter, given a tokenizer that knows all its languages."""

    def __init__(self, folder: str, tokenizer: Any) -> None:
        super().__init__(folder)
        self._tokenizer = tokenizer

    def load_tokenizer(self, *_arguments: Any, **_options: Any) -> Any:
        return self._tokenizer


def convert(
    name: str, target: Path, quantization: str, settings: TranslationSettings, sentence: str = SENTENCE
) -> Conversion:
    """Convert a checkpoint that lies on this machine.

    Args:
        name: As the engine transformers takes it: owner/name of a pulled model, or a folder.
        target: Folder to write; must not be there yet.
        quantization: One of QUANTIZATIONS.
        settings: Where models lie.
        sentence: What both must agree on.

    Raises:
        Misconfigured: the target is there (target_exists), or what the two engines raise.
        InternalError: the conversion says something else than the checkpoint (conversion_differs).
    """
    if target.exists():
        raise Misconfigured(f"{target} is there already; name another folder.", code="target_exists")
    place = find(settings.models_dir, name)
    # Where a graphics card would round otherwise, a processor does not.
    plain = settings.model_copy(
        update={"translation_device": "cpu", "translation_compute_type": "default", "translation_beam": 1}
    )
    checkpoint = TransformersEngine(place, plain)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as scratch:
        made = Path(scratch).resolve() / target.name
        _write(place, checkpoint, made, quantization)
        converted = CTranslate2Engine(find(settings.models_dir, str(made)), plain)
        pair = _common(converted.pairs)
        first, second = (engine.translate([sentence], pair)[0] for engine in (checkpoint, converted))
        likeness = SequenceMatcher(None, first, second).ratio()
        if likeness < (1.0 if quantization == "float32" else _ALIKE):
            raise InternalError(
                "The conversion translates a sentence otherwise than the checkpoint; it was not kept. Try "
                "float32, or by --sentence one that is more like what the model was made for.",
                code="conversion_differs",
            )
        made.rename(target)
    return Conversion(target, pair, (first, second), likeness)


def _write(place: Place, checkpoint: TransformersEngine, made: Path, quantization: str) -> None:
    """Write weights, tokenizer and languages.json."""
    kind = kind_of(place.folder)
    tokenizer = load_tokenizer(place.folder, kind)
    _Converter(str(place.folder), tokenizer).convert(str(made), quantization=quantization)
    with tempfile.TemporaryDirectory() as scratch:
        tokenizer.save_pretrained(scratch)
        # CTranslate2 has a vocabulary of its own.
        for file in Path(scratch).iterdir():
            if file.name not in {"vocab.json", "added_tokens.json"}:
                shutil.copyfile(file, made / file.name)
    told = languages_file(place.folder)
    # A Marian's name tells its languages, and the conversion may have another one.
    pairs = told.wanted() or (checkpoint.pairs if kind is Kind.MARIAN else ())
    listed = LanguagesFile(
        kind=kind,
        pairs=tuple((pair.source, pair.target) if isinstance(pair, Pair) else pair for pair in pairs),
        made_from=MadeFrom(name=place.model.name, revision=place.model.revision, sha256=place.model.sha256),
        quantization=quantization,
        positions=checkpoint.positions,
    )
    (made / LANGUAGES_FILE).write_text(listed.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _common(pairs: Sequence[Pair]) -> Pair:
    """Return a pair that the sentence suits: out of English, into a language of which models know much."""
    best = [pair for target in _WELL_KNOWN if (pair := Pair("en", target)) in pairs]
    return next(iter([*best, *(pair for pair in pairs if pair.source == "en"), *pairs]))


def main() -> None:
    """Convert, and show what both say."""
    parser = argparse.ArgumentParser(prog="python -m services.translation.convert", description=__doc__)
    parser.add_argument("model", metavar="MODEL", help="owner/name of a pulled model, or a folder")
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="what to write")
    parser.add_argument("--quantization", choices=QUANTIZATIONS, default="int8", help="number format")
    parser.add_argument("--sentence", default=SENTENCE, help="what both must agree on")
    chosen = parser.parse_args()
    try:
        done = convert(
            chosen.model, chosen.folder, chosen.quantization, load(TranslationSettings), chosen.sentence
        )
    except DragomanError as error:
        sys.exit(f"{error.code}: {error.detail}")
    checkpoint, converted = done.said
    print(f"{done.folder}: {done.pair}, likeness {done.likeness:.2f}\n  {checkpoint}\n  {converted}")  # noqa: T201 - a command


if __name__ == "__main__":
    main()
