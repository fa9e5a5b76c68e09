"""Sentences in pieces and back, from a model's own files, without the library that it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from sentencepiece import SentencePieceProcessor
from tokenizers import Tokenizer

from services.shared.errors import Misconfigured
from services.translation.engines.hub_languages import Kind


class Subwords(Protocol):
    """Cuts and joins; safe to use from several threads."""

    def cut(self, text: str) -> list[str]:
        """Return a sentence's pieces, without marks of language or end."""
        ...

    def join(self, pieces: Sequence[str]) -> str:
        """Return the sentence of pieces, among which there are no marks."""
        ...


class SentencePieces:
    """Marian's and M2M100's way.

    Args:
        source: Model file of the source language.
        target: Model file of the target language; the same for a model of many.
    """

    def __init__(self, source: Path, target: Path) -> None:
        self._source: Any = SentencePieceProcessor(model_file=str(source))
        self._target: Any = SentencePieceProcessor(model_file=str(target))

    def cut(self, text: str) -> list[str]:
        """Return a sentence's pieces."""
        return list(self._source.encode(text, out_type=str))

    def join(self, pieces: Sequence[str]) -> str:
        """Return the sentence of pieces."""
        return str(self._target.decode_pieces(list(pieces)))


class JsonPieces:
    """NLLB's way: a tokenizer.json.

    Args:
        path: Of the file.
    """

    def __init__(self, path: Path) -> None:
        self._tokenizer: Any = Tokenizer.from_file(str(path))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        # What looks like a special token in a text is text.
        self._tokenizer.encode_special_tokens = True

    def cut(self, text: str) -> list[str]:
        """Return a sentence's pieces."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).tokens)

    def join(self, pieces: Sequence[str]) -> str:
        """Return the sentence of pieces."""
        numbers = [number for each in pieces if (number := self._tokenizer.token_to_id(each)) is not None]
        return str(self._tokenizer.decode(numbers))


def subwords(folder: Path, kind: Kind) -> Subwords:
    """Load what a model's folder holds.

    Raises:
        Misconfigured: the files are missing (model_missing) or damaged (model_damaged).
    """
    try:
        return _loaded(folder, kind)
    except Exception as error:
        if isinstance(error, Misconfigured):
            raise
        # Both libraries raise plain exceptions of several kinds.
        raise Misconfigured(
            f"The tokenizer of {folder.name} cannot be read ({type(error).__name__}). Bring it anew.",
            code="model_damaged",
        ) from error


def _loaded(folder: Path, kind: Kind) -> Subwords:
    if kind is Kind.MARIAN and (folder / "source.spm").is_file() and (folder / "target.spm").is_file():
        return SentencePieces(folder / "source.spm", folder / "target.spm")
    both = folder / "sentencepiece.bpe.model"
    if kind is Kind.NLLB and (folder / "tokenizer.json").is_file():
        return JsonPieces(folder / "tokenizer.json")
    if kind is not Kind.MARIAN and both.is_file():
        return SentencePieces(both, both)
    raise Misconfigured(
        f"The folder of {folder.name} lacks its tokenizer: source.spm and target.spm of a Marian, "
        "sentencepiece.bpe.model of an M2M100, tokenizer.json of an NLLB.",
        code="model_missing",
    )
