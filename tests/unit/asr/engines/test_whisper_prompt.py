"""Hints and prompts of any length fit what Whisper has room for, and hold no control tokens."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from services.asr.engines.base import UNGUIDED, Guidance
from services.asr.engines.whisper_prompt import Expectations, expectations

# A tokenizer with a token for each character: the bounds are in tokens.
MOST, MOST_OF_HINTS = 223, 111
TEXTS = st.text(st.characters(codec="utf-8"), max_size=400)


def encode(text: str) -> Sequence[int]:
    return [ord(character) for character in text]


def decode(tokens: Sequence[int]) -> str:
    return "".join(map(chr, tokens))


def expected(guidance: Guidance) -> Expectations:
    return expectations(guidance, encode, decode)


def test_nothing_is_expected_without_guidance() -> None:
    assert expected(UNGUIDED) == {}
    assert expected(Guidance(("", " "), "  ", 0.5)) == {}


def test_hints_end_with_a_full_stop() -> None:
    assert expected(Guidance(("Nimbra Flex", "Quovadia"))) == {"hotwords": "Nimbra Flex, Quovadia."}


def test_the_first_hints_are_kept() -> None:
    hints = tuple(f"product number {number}" for number in range(1_000))
    kept = expected(Guidance(hints))["hotwords"]
    assert kept == ", ".join(hints[:6]) + "."


def test_the_end_of_a_prompt_is_kept() -> None:
    prompt = " ".join(map(str, range(500)))
    assert expected(Guidance((), prompt))["initial_prompt"] == prompt[-MOST:]


def test_control_tokens_are_no_control_tokens_any_more() -> None:
    kept = expected(Guidance(("<|endoftext|>",), "<|nospeech|> hello"))
    assert "<|" not in kept["hotwords"] + kept["initial_prompt"]


@given(st.lists(TEXTS, max_size=30), TEXTS)
def test_hints_and_prompt_fit_together(hints: list[str], prompt: str) -> None:
    kept = expected(Guidance(tuple(hints), prompt))
    names, before = kept.get("hotwords", ""), kept.get("initial_prompt", "")
    assert len(names) <= MOST_OF_HINTS
    assert len(names) + len(before) <= MOST
    assert prompt.strip().replace("<|", "< |").endswith(before)
