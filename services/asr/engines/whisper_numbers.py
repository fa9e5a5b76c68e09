"""Numbers heard once more, in words: a figure that Whisper doubts, and does not hear again, is uncertain."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import cached_property
from typing import Any, Final

from faster_whisper.tokenizer import Tokenizer

from services.asr.engines.base import Task
from services.asr.engines.whisper_steps import Whisper
from services.asr.engines.whisper_text import Passage, text_of
from services.shared.entities.lexicon import vocabulary
from services.shared.entities.normal import normalised

# Likelier figures are not heard again: most of those that would differ then are right (README.md, Numbers).
_SURE: Final = 0.75
_SIGNS: Final = frozenset("$€£¥₹%‰")
# What "R$" and "US$" begin with: the model goes in circles when no sign may follow it.
_BEGIN_SIGNS: Final = frozenset(("R", "US"))
# Whisper writes no more. Words take more tokens than figures.
_MOST_TOKENS: Final = 448
_ROOM: Final = 40
_ROOM_PER_TOKEN: Final = 4
_PAUSES: Final = str.maketrans(dict.fromkeys(",.;-", " "))
# Digits that a word may stand for which is spelled too badly to be read.
_MOST_UNREAD: Final = 3


def doubted(passages: Sequence[Passage], language: str) -> bool:
    """Return whether the model is unsure of a figure, in a language whose number words are known.

    Args:
        passages: Decoded, with words.
        language: BCP-47.
    """
    words = (word for each in passages for word in each.words)
    unsure = any(word["probability"] < _SURE and any(map(str.isnumeric, word["word"])) for word in words)
    return unsure and bool(vocabulary(language).words)


def contradicted(text: str, in_words: str, language: str) -> bool:
    """Return whether two texts of one region cannot be about the same digits, however these are grouped.

    What the model writes in words is often misspelled ("Press for for the previous message"): a word that
    stands where the other text has a number, and is none, contradicts nothing.

    Args:
        text: With figures.
        in_words: With words in their place; pauses between these may be heard anywhere.
        language: BCP-47.
    """
    told = normalised(text, language)
    again = [normalised(each, language) for each in (in_words, in_words.translate(_PAUSES))]
    # "2.30" is a time here and a decimal there, so the figures count as they stand, too.
    if not {_digits(told), _digits(text)}.isdisjoint(map(_digits, again)):
        return False
    return not any(_may_be_the_same(told.split(), each.split()) for each in again)


def _may_be_the_same(told: Sequence[str], again: Sequence[str]) -> bool:
    changes = SequenceMatcher(None, told, again, autojunk=False).get_opcodes()
    return all(
        change == "equal" or _fits(_digits("".join(told[start:end])), again[other_start:other_end])
        for change, start, end, other_start, other_end in changes
    )


def _fits(digits: str, words: Sequence[str]) -> bool:
    """Return whether the words have these digits in order, those that cannot be read standing for some."""
    ends = {0}
    for word in words:
        if read := _digits(word):
            ends = {end + len(read) for end in ends if digits.startswith(read, end)}
        else:
            ends = {end + unread for end in ends for unread in range(_MOST_UNREAD + 1)}
    return len(digits) in ends


def _digits(text: str) -> str:
    return "".join(filter(str.isdecimal, text))


class InWords:
    """Decodes what was encoded once more, without any figure.

    Args:
        whisper: The library's model.
        options: The library's options.
    """

    def __init__(self, whisper: Whisper, options: Any) -> None:
        self._whisper = whisper
        self._options = options

    def contradict(self, passages: Sequence[Passage], encoded: Any, code: str, language: str) -> bool:
        """Return whether a region has other numbers in words.

        Args:
            passages: Decoded before.
            encoded: The region.
            code: Whisper's code of its language.
            language: BCP-47.

        Raises:
            Cancelled: the caller went away.
        """
        tokenizer = Tokenizer(
            self._whisper.hf_tokenizer,
            self._whisper.model.is_multilingual,
            task=Task.TRANSCRIBE.value,
            language=code,
        )
        prompt = self._whisper.get_prompt(tokenizer, [])
        room = _ROOM + _ROOM_PER_TOKEN * sum(each.tokens for each in passages)
        (result,) = self._whisper.model.generate(
            encoded,
            [prompt],
            beam_size=self._options.beam_size,
            max_length=min(len(prompt) + room, _MOST_TOKENS),
            suppress_tokens=self._suppressed,
        )
        return contradicted(text_of(passages), tokenizer.decode(result.sequences_ids[0]), language)

    @cached_property
    def _suppressed(self) -> list[int]:
        """What the library suppresses, figures and signs."""
        tokenizer = self._whisper.hf_tokenizer
        # Control tokens come after the end of a text.
        texts = tokenizer.decode_batch([[token] for token in range(tokenizer.token_to_id("<|endoftext|>"))])
        figures = (token for token, text in enumerate(texts) if _is_figure(text))
        return [*self._options.suppress_tokens, *figures]


def _is_figure(text: str) -> bool:
    return any(char.isnumeric() or char in _SIGNS for char in text) or text.strip() in _BEGIN_SIGNS
