"""What a folder with a Marian, M2M100 or NLLB-200 model says about its kind and its languages."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import permutations, product
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from services.shared.errors import Misconfigured, TooLarge
from services.translation.engines.hub_languages import Kind, alone, code_of, is_language, tag
from services.translation.languages import Pair

# Beside the weights: what they themselves do not tell. The converter writes it, and people may.
LANGUAGES_FILE: Final = "languages.json"
# What a translation may be longer than its source, in pieces, before it is taken for a loop.
_GROWTH: Final = 3
_SLACK: Final = 16


class MadeFrom(BaseModel):
    """The model that a conversion was made from."""

    model_config = ConfigDict(frozen=True)

    name: str
    revision: str
    sha256: str


class LanguagesFile(BaseModel):
    """languages.json: all of it is optional.

    Attributes:
        kind: "marian", "m2m100" or "nllb", where the other files do not show it.
        pairs: Directions as [source, target] in BCP-47: all that the model is to offer. A Marian whose name
            does not tell its languages needs them. A script or region ("zh-Hant", "pt-BR") chooses among the
            model's own codes; requests are served whatever their script and region.
        languages: In place of pairs: every direction between these.
        made_from: Of a conversion: its source.
        quantization: Of a conversion: its number format.
        positions: Of a conversion: most pieces that the model takes at once.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind | None = None
    pairs: tuple[tuple[str, str], ...] = ()
    languages: tuple[str, ...] = ()
    made_from: MadeFrom | None = None
    quantization: str = ""
    positions: int = 512

    def wanted(self) -> tuple[tuple[str, str], ...]:
        """Return the directions it lists."""
        return self.pairs or tuple(permutations(self.languages, 2))


@dataclass(frozen=True, slots=True)
class Tongues:
    """What a model translates, and how it is told to.

    Attributes:
        kind: Of the model.
        codes: The model's own codes by BCP-47 tag; a Marian of one target has none.
        pairs: The directions, sorted.
    """

    kind: Kind
    codes: Mapping[str, str]
    pairs: tuple[Pair, ...]

    def source_code(self, pair: Pair) -> str:
        """Return the model's own code of the source language; empty when it needs none."""
        return "" if self.kind is Kind.MARIAN else self.codes[pair.source]

    def target_token(self, pair: Pair) -> str:
        """Return the piece that asks for the target language; empty when the model has but one."""
        code = self.codes.get(pair.target)
        return self.kind.token(code) if code else ""


def read_json(path: Path) -> dict[str, Any]:
    """Return what a JSON file of a model holds; nothing when it is not there.

    Raises:
        Misconfigured: it is no JSON object (model_damaged).
    """
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Misconfigured(
            f"{path.name} of the model is no JSON object. Bring it anew.", code="model_damaged"
        )
    return found


def languages_file(folder: Path) -> LanguagesFile:
    """Return what languages.json says; nothing when it is not there.

    Raises:
        Misconfigured: it is damaged (model_damaged), or of another form (languages_file_wrong).
    """
    try:
        return LanguagesFile.model_validate(read_json(folder / LANGUAGES_FILE))
    except ValidationError as error:
        wrong = ".".join(map(str, error.errors()[0]["loc"]))
        raise Misconfigured(
            f"{LANGUAGES_FILE} of the model is wrong at {wrong}; the translation room's README has its form.",
            code="languages_file_wrong",
        ) from None


def kind_of(folder: Path) -> Kind:
    """Return a model's kind.

    Raises:
        Misconfigured: it is none of them (model_kind_unknown), or a file is damaged.
    """
    if stated := languages_file(folder).kind:
        return stated
    architecture = read_json(folder / "config.json").get("model_type", "m2m_100")
    tokenizer = str(read_json(folder / "tokenizer_config.json").get("tokenizer_class", ""))
    if (folder / "source.spm").is_file() and architecture in {"marian", "m2m_100"}:
        return Kind.MARIAN
    if architecture == "m2m_100" and tokenizer.startswith("Nllb"):
        return Kind.NLLB
    if architecture == "m2m_100" and tokenizer.startswith("M2M100"):
        return Kind.M2M100
    raise Misconfigured(
        f"The files of {folder.name} show no Marian, M2M100 or NLLB-200 model. If it is one, write "
        f'{LANGUAGES_FILE} into its folder, as in {{"kind": "nllb"}}.',
        code="model_kind_unknown",
    )


def most_pieces(source: int, positions: int) -> int:
    """Return how many pieces a translation may have.

    Args:
        source: Pieces of the sentence.
        positions: Most that the model takes.

    Raises:
        TooLarge: the sentence is longer than the model takes (sentence_too_long).
    """
    if source > positions:
        raise TooLarge(
            f"A sentence has more than the {positions} pieces that the model takes; cut it.",
            code="sentence_too_long",
        )
    return min(positions, _GROWTH * source + _SLACK)


def tongues(folder: Path, name: str, kind: Kind, vocabulary: Collection[str]) -> Tongues:
    """Return what a model translates.

    Args:
        folder: Of the model.
        name: Of the model; Marian's end with its languages, such as "opus-mt-en-pt".
        kind: Of the model.
        vocabulary: All its pieces.

    Raises:
        Misconfigured: nothing tells the languages (languages_unknown), or languages.json names some that the
            model does not have (languages_file_wrong).
    """
    codes = kind.codes(vocabulary)
    if wanted := languages_file(folder).wanted():
        return _chosen(kind, codes, wanted)
    if kind is Kind.MARIAN:
        return _marian(folder, name, codes)
    if not codes:
        raise Misconfigured(
            f"The tokenizer of {name} has no languages. Bring all its files, tokenizer.json too.",
            code="languages_unknown",
        )
    directions = _directions(pair for pair in permutations(codes, 2) if codes[pair[0]] != codes[pair[1]])
    return Tongues(kind, codes, directions)


def _chosen(kind: Kind, codes: Mapping[str, str], wanted: Collection[tuple[str, str]]) -> Tongues:
    """Return what languages.json asks for; requests name languages without script and region."""
    targets = {tag(target) for _, target in wanted}
    named = targets if kind is Kind.MARIAN else targets | {tag(source) for source, _ in wanted}
    kept: dict[str, str] = {}
    for language in sorted(named):
        code = code_of(codes, language)
        if code and kept.setdefault(alone(language), code) != code:
            raise Misconfigured(
                f"{LANGUAGES_FILE} names {alone(language)} in two forms; make a folder for each.",
                code="languages_file_wrong",
            )
        if not code and (kind is not Kind.MARIAN or len(targets) > 1):
            raise Misconfigured(
                f"{LANGUAGES_FILE} names {language}, for which the model has no token.",
                code="languages_file_wrong",
            )
    return Tongues(
        kind, kept, _directions((alone(tag(source)), alone(tag(target))) for source, target in wanted)
    )


def _marian(folder: Path, name: str, codes: Mapping[str, str]) -> Tongues:
    """Return what a Marian's own settings, else its name, and its target tokens tell."""
    settings = read_json(folder / "tokenizer_config.json")
    source, target = settings.get("source_lang"), settings.get("target_lang")
    if not (source and target):
        source, target = ["", "", *name.rstrip("/").split("/")[-1].split("-")][-2:]
    targets = [alone(tag(target))] if is_language(target) else list(codes)
    if not is_language(source) or not targets:
        raise Misconfigured(
            f"Nothing tells what languages {name} translates. Write {LANGUAGES_FILE} into its folder, as in "
            '{"pairs": [["en", "pt"]]}.',
            code="languages_unknown",
        )
    return Tongues(Kind.MARIAN, codes, _directions(product([alone(tag(source))], targets)))


def _directions(pairs: Iterable[tuple[str, str]]) -> tuple[Pair, ...]:
    """Return the pairs of two languages, each once; those with a script or region only if asked for."""
    plain = {Pair(*pair) for pair in pairs if pair[0] != pair[1] and "-" not in "".join(pair)}
    return tuple(sorted(plain))
