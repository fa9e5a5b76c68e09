"""What a caller expects, in the words and the room that Whisper has for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Final, TypedDict

from services.asr.engines.base import Guidance

# Whisper reads 448 tokens, of which its authors leave 223 to what comes before the text.
_ROOM: Final = 223
# More names than this and the model begins to see them where they are not (README.md, Hints).
_ROOM_FOR_HINTS: Final = 111

Encode = Callable[[str], Sequence[int]]
Decode = Callable[[Sequence[int]], str]


class Expectations(TypedDict, total=False):
    """The library's names of what precedes a text; absent where nothing is expected."""

    hotwords: str
    initial_prompt: str


def expectations(guidance: Guidance, encode: Encode, decode: Decode) -> Expectations:
    """Return what fits of the hints, the first first, and of the prompt, the end of it.

    Args:
        guidance: Hints and prompt of any length.
        encode: From a text to tokens, special ones not added.
        decode: And back.
    """
    expected = Expectations()
    hints = _fitting([_harmless(hint) for hint in guidance.hints], encode)
    if hints:
        expected["hotwords"] = hints
    prompt = encode(_harmless(guidance.prompt))[-(_ROOM - len(encode(hints))) :]
    if prompt:
        expected["initial_prompt"] = decode(prompt)
    return expected


def _fitting(hints: Sequence[str], encode: Encode) -> str:
    sizes = accumulate(len(encode(f" {hint},")) for hint in hints)
    known = [hint for hint, size in zip(hints, sizes, strict=False) if hint and size <= _ROOM_FOR_HINTS]
    # Without the full stop the model goes on with the list after the speech.
    return f"{', '.join(known)}." if known else ""


def _harmless(text: str) -> str:
    """Part what the tokenizer would take for a control token, such as <|endoftext|>."""
    return text.replace("<|", "< |").strip()
