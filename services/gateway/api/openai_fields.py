"""The fields of the OpenAI-compatible routes: those of the official SDK, and a few of our own."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.json_schema import WithJsonSchema

from services.gateway.inference.directions import Direction
from services.gateway.inference.speech import MAX_RATE, MIN_RATE
from services.gateway.inference.transcription import Wish
from services.gateway.jobs.languages import AUTO
from services.gateway.jobs.spec import MAX_CHANNELS, Language, Role, SourceLanguage

MAX_INPUT_CHARACTERS: Final = 4096
_IGNORED: Final = "Accepted and ignored."

Model = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Prompt = Annotated[
    str, Field(max_length=10_000, description="Text that may have come before: sets style and spelling.")
]
Temperature = Annotated[float, Field(ge=0, le=1, description="Of sampling; 0 is the recogniser's own way.")]
Ignored = Annotated[str, Field(description=_IGNORED)]
Phrase = Annotated[str, StringConstraints(min_length=1, max_length=64)]

# Their lines and times are made of words.
_SUBTITLES: Final = frozenset(("srt", "vtt"))
Format = Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"]
Codec = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]


class _Form(BaseModel):
    """What both routes that take a file have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Model
    prompt: Prompt = ""
    temperature: Temperature = 0.0
    language: SourceLanguage | None = Field(
        None, description="BCP-47 or ISO 639-1 code of what is spoken; detected when left out."
    )

    @property
    def source(self) -> str:
        """What is spoken: a language tag, or "auto"."""
        return self.language or AUTO


class TranslationForm(_Form):
    """Fields of /v1/audio/translations."""

    response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] = "json"

    def wish(self) -> Wish:
        """Return what is asked for."""
        return Wish(
            Direction(self.source, "en"),
            timed=self.response_format not in {"json", "text"},
            words=self.response_format in _SUBTITLES,
            prompt=self.prompt,
            temperature=self.temperature,
        )


class TranscriptionForm(_Form):
    """Fields of /v1/audio/transcriptions."""

    response_format: Format = "json"
    stream: bool = Field(default=False, description="Answer with server-sent events; not with srt and vtt.")
    timestamp_granularities: tuple[Literal["word", "segment"], ...] = Field(
        ("segment",), alias="timestamp_granularities[]", description="What verbose_json lists."
    )
    include: tuple[Literal["logprobs"], ...] = Field(
        (), alias="include[]", description="Adds a logarithm of the confidence of each word to json."
    )
    keywords: tuple[Phrase, ...] = Field(
        (), alias="keywords[]", max_length=100, description="Words and names to expect."
    )
    target_language: Language | None = Field(
        None, description="BCP-47 code: the text, and all that is made of it, is translated into it."
    )
    channels: tuple[Role, ...] = Field(
        (),
        alias="channels[]",
        max_length=MAX_CHANNELS,
        description="Names of the file's channels, in their order: each is heard as one speaker.",
    )
    chunking_strategy: Literal["auto"] | None = Field(None, description=_IGNORED)
    vad_type: Ignored = Field("", alias="chunking_strategy[type]")
    vad_threshold: Ignored = Field("", alias="chunking_strategy[threshold]")
    vad_padding: Ignored = Field("", alias="chunking_strategy[prefix_padding_ms]")
    vad_silence: Ignored = Field("", alias="chunking_strategy[silence_duration_ms]")
    languages: tuple[Ignored, ...] = Field((), alias="languages[]", description=_IGNORED)
    speakers: tuple[Ignored, ...] = Field((), alias="known_speaker_names[]", description=_IGNORED)
    samples: tuple[Ignored, ...] = Field((), alias="known_speaker_references[]", description=_IGNORED)

    def wish(self) -> Wish:
        """Return what is asked for."""
        return Wish(
            Direction(self.source, self.target_language),
            apart=bool(self.channels) or self.response_format == "diarized_json",
            roles=self.channels,
            timed=self.stream or self.response_format not in {"json", "text"},
            words=self._wants_words(),
            hints=self.keywords,
            prompt=self.prompt,
            temperature=self.temperature,
        )

    def _wants_words(self) -> bool:
        listed = self.response_format == "verbose_json" and "word" in self.timestamp_granularities
        return listed or bool(self.include) or self.response_format in _SUBTITLES


def _named(voice: Any) -> Any:
    """Return the name of a voice that is given as an object."""
    return voice["id"] if isinstance(voice, dict) and voice.keys() == {"id"} else voice


_VOICE: Final = {"type": "string", "minLength": 1, "maxLength": 256}
Voice = Annotated[
    str,
    StringConstraints(min_length=1, max_length=256),
    BeforeValidator(_named),
    WithJsonSchema(
        {
            "anyOf": [
                _VOICE,
                {
                    "type": "object",
                    "required": ["id"],
                    "properties": {"id": _VOICE},
                    "additionalProperties": False,
                },
            ],
            "description": "One of GET /v1/stages, a gender, or one of OpenAI's: the language's default.",
        }
    ),
]


class SpeechBody(BaseModel):
    """Body of /v1/audio/speech."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Model
    input: Annotated[
        str,
        StringConstraints(min_length=1, max_length=MAX_INPUT_CHARACTERS),
        Field(description="What is said."),
    ]
    voice: Voice
    response_format: Codec = "mp3"
    speed: float = Field(
        1.0, ge=0.25, le=4, description=f"Of speech; below {MIN_RATE:g} or above {MAX_RATE:g} it is that."
    )
    instructions: str | None = Field(None, max_length=MAX_INPUT_CHARACTERS, description=_IGNORED)
    stream_format: Literal["audio", "sse"] = "audio"
    language: Language | None = Field(
        None, description="BCP-47 code of the input; that of the voice, and of OpenAI's voices en."
    )

    @property
    def rate(self) -> float:
        """The nearest speed that the speech service has."""
        return min(max(self.speed, MIN_RATE), MAX_RATE)
