"""The translation room's settings."""

from __future__ import annotations

from typing import Final

from pydantic import Field, SecretStr

from services.shared.config import Settings

# What a chat engine is told of a call so far: enough to know who and what is meant.
_TURNS: Final = 6


class TranslationSettings(Settings):
    """Knobs of the translation server and its stage worker."""

    translation_engines: str = Field(
        "fxtranslate",
        description="Translation engines in order of preference, with commas: engine[:model].",
    )
    translation_slots: int = Field(
        1, ge=1, le=64, description="Batches that each engine works on at once; fxtranslate gains none."
    )
    translation_queue: int = Field(64, ge=0, le=10_000, description="Calls that may wait for a slot.")
    translation_max_characters: int = Field(
        50_000, ge=1, description="Most characters of one call, all its texts together."
    )
    translation_device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda(:\d+)?)$",
        description="Where ctranslate2 and transformers run: cpu, cuda, cuda:1; auto prefers CUDA.",
    )
    translation_compute_type: str = Field(
        "default",
        pattern=r"^(default|auto|float32|float16|bfloat16|int8|int8_float32|int8_float16|int8_bfloat16|int16)$",
        description="Number format of ctranslate2 and transformers; default is the one that fits the device.",
    )
    translation_beam: int = Field(
        1, ge=1, le=16, description="Beams of ctranslate2 and transformers; 1 is greedy."
    )
    translation_threads: int = Field(
        1, ge=1, le=256, description="CPU threads of one batch of ctranslate2 and transformers."
    )
    translation_batch: int = Field(
        16, ge=1, le=1024, description="Most sentences of one batch, and calls that may share a slot."
    )
    translation_delay_ms: float = Field(
        0.0,
        ge=0,
        le=1000,
        description="How long a batch waits for sentences of other calls while the model is free.",
    )
    translation_chat_url: str | None = Field(
        None,
        pattern=r"^https?://[^@\s?#]+$",
        description="OpenAI-compatible address, such as http://llm:8000/v1, before /chat/completions.",
    )
    translation_chat_key: SecretStr | None = Field(None, description="Key for that address.")
    translation_chat_timeout_s: float = Field(
        30.0,
        gt=0,
        le=600,
        description="Most seconds for one answer of the chat engine, its retry not included.",
    )
    translation_chat_languages: str = Field(
        "en,pt,es",
        description="Languages that the chat engine translates between, with commas.",
    )
    translation_turns: int | None = Field(
        None,
        ge=0,
        le=50,
        description="Turns before a region that go along as context; unset, 6 with a chat engine, else 0.",
    )
    translation_workers: int = Field(
        4, ge=1, le=256, description="Units that the stage worker handles at once."
    )

    @property
    def turns(self) -> int:
        """How many turns go along with a region."""
        if self.translation_turns is not None:
            return self.translation_turns
        named = {each.partition(":")[0].strip() for each in self.translation_engines.split(",")}
        return _TURNS if "chat" in named else 0
