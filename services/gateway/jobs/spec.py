"""The job spec that a client sends: fields, ranges, defaults, and clear errors for what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from services.gateway.jobs.languages import AUTO, canonical
from services.shared.errors import InvalidRequest

MAX_SPEC_BYTES: Final = 256 * 1024
MAX_TEXT_CHARACTERS: Final = 20_000
# Some six minutes of speech: one unit makes all of it, in one call.
MAX_SPEECH_CHARACTERS: Final = 5_000
MAX_CHANNELS: Final = 8

_TAG: Final = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"
_TAG_OR_AUTO: Final = f"^{AUTO}$|{_TAG}"
_ROLE: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$"
_NOT_BLANK: Final = r"\S"
_UPLOAD: Final = r"^upl_[0-9a-f]{32}$"
_GLOSSARY: Final = r"^glo_[0-9a-f]{32}$"
_PATTERNS: Final = {
    _TAG: "must be a BCP-47 language tag, such as en or pt-BR",
    _TAG_OR_AUTO: "must be a BCP-47 language tag, such as en or pt-BR, or auto",
    _ROLE: "must be 1 to 32 letters, digits, _ or -, such as agent",
    _NOT_BLANK: "must not be blank",
    _GLOSSARY: "must be the id of a glossary, as POST /v1/glossaries gave it",
    _UPLOAD: "must be the id of an upload, such as the last part of its Location",
}


def plain(number: float) -> float:
    """Return a number as people write it: 24 and not 24.0, but 1.5."""
    return int(number) if number == int(number) else number


Language = Annotated[str, StringConstraints(pattern=_TAG, max_length=35), AfterValidator(canonical)]
SourceLanguage = Annotated[
    str, StringConstraints(pattern=_TAG_OR_AUTO, max_length=35), AfterValidator(canonical)
]
Role = Annotated[str, StringConstraints(pattern=_ROLE)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Text = Annotated[str, StringConstraints(pattern=_NOT_BLANK, max_length=MAX_TEXT_CHARACTERS)]
SpokenText = Annotated[str, StringConstraints(pattern=_NOT_BLANK, max_length=MAX_SPEECH_CHARACTERS)]
Metadata = Annotated[
    dict[Name, Annotated[str, StringConstraints(max_length=512)]], Field(max_length=32, default_factory=dict)
]


GlossaryId = Annotated[str, StringConstraints(pattern=_GLOSSARY)]
# "verify" has numbers and made speech heard again, and speech made once more where it was not understood.
Quality = Literal["standard", "verify"]
Bitrate = Annotated[float, Field(ge=1, le=10_000), AfterValidator(plain)]
# As long as the names of a hub: owner and name; a voice may have that of its model before its own.
VoiceName = Annotated[str, StringConstraints(min_length=1, max_length=256)]
ModelName = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class _Strict(BaseModel):
    """Unknown fields and values of another type are errors, not guesses."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ChannelSpec(_Strict):
    """One channel of the file: who speaks on it, and from which language into which."""

    role: Role | None = None
    source_language: SourceLanguage
    target_language: Language | None = None
    voice: VoiceName | None = None


class InputSpec(_Strict):
    """What a file without a header (.ulaw, .alaw, .sln, .raw) cannot say of itself."""

    encoding: Literal["mulaw", "alaw", "s16le", "gsm", "g722"]
    sample_rate_hertz: Annotated[int, Field(ge=8_000, le=192_000)] = 8_000
    channel_count: Annotated[int, Field(ge=1, le=MAX_CHANNELS)] = 1


class AudioSpec(_Strict):
    """How made audio is compressed. Without a bitrate the codec's own default is used."""

    codec: Name = "opus"
    bitrate_kbps: Bitrate | None = None


class AsrModels(_Strict):
    """Which model recognises what is said; without one it is the installation's first."""

    asr: ModelName | None = None


class TranslationModels(_Strict):
    """Which model translates; without one it is the first that can."""

    translation: ModelName | None = None


class CallModels(AsrModels, TranslationModels):
    """Which models work on a call."""


class TimelineAudioSpec(AudioSpec):
    """And how the channels of a translated call are laid out."""

    layout: Literal["per_channel", "mixed", "both"] = "both"


class ArchiveAudioSpec(AudioSpec):
    """And how the channels of a file that is only re-encoded are laid out."""

    layout: Literal["per_channel", "mixed", "both", "multichannel"] = "multichannel"


class _Job(_Strict):
    priority: Literal["interactive", "batch"] = "batch"
    metadata: Metadata
    webhook_url: Annotated[str, StringConstraints(min_length=1, max_length=2_048)] | None = None


class _File(_Job):
    """A job that takes a file: a part of the request, an upload that is complete, or what a URL leads to."""

    input: InputSpec | None = None
    upload_id: Annotated[str, StringConstraints(pattern=_UPLOAD)] | None = None
    source_url: Annotated[str, StringConstraints(min_length=1, max_length=2_048)] | None = None


class _Call(_File):
    """A job on a recorded call: `channels`, or one language (pair) for every channel of the file."""

    channels: Annotated[tuple[ChannelSpec, ...], Field(max_length=MAX_CHANNELS)] = ()
    source_language: SourceLanguage | None = None
    target_language: Language | None = None
    glossary_id: GlossaryId | None = None

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Self:
        if bool(self.channels) == bool(self.source_language):
            raise ValueError("give either channels, or source_language for every channel of the file")
        if self.channels and self.target_language:
            raise ValueError("with channels, target_language belongs into each of them")
        return self

    def directions(self) -> tuple[ChannelSpec, ...]:
        """Return the channels, or the one that stands for every channel of the file."""
        if self.channels or self.source_language is None:
            return self.channels
        return (ChannelSpec(source_language=self.source_language, target_language=self.target_language),)


class SpeechTranslationSpec(_Call):
    """A recorded call in, a translated call out."""

    kind: Literal["speech_translation"]
    outputs: Annotated[
        tuple[Literal["transcript", "subtitles", "audio"], ...], Field(min_length=1, max_length=3)
    ] = ("transcript", "subtitles", "audio")
    audio: TimelineAudioSpec = TimelineAudioSpec()
    voices: Annotated[dict[Name, VoiceName], Field(max_length=2 * MAX_CHANNELS, default_factory=dict)]
    models: CallModels = CallModels()
    max_stretch: Annotated[float, Field(ge=1, le=2)] = 1.25
    quality: Quality = "standard"
    allow_overlap: bool = False
    keep_sounds: bool = True

    @model_validator(mode="after")
    def _every_channel_has_a_target(self) -> Self:
        if any(channel.target_language is None for channel in self.directions()):
            raise ValueError("target_language is missing")
        return self

    @model_validator(mode="after")
    def _voices_belong_to_somebody(self) -> Self:
        known = {name for each in self.directions() for name in (each.role, each.target_language)}
        strangers = [name for name in self.voices if name not in known and canonical(name) not in known]
        if strangers:
            raise ValueError(f"voices: {strangers[0]!r} is neither a role nor a target language of this job")
        return self


class TranscriptionSpec(_Call):
    """A recorded call in, its text out; in English too where target_language is "en"."""

    kind: Literal["transcription"]
    outputs: Annotated[tuple[Literal["transcript", "subtitles"], ...], Field(min_length=1, max_length=2)] = (
        "transcript",
        "subtitles",
    )
    models: AsrModels = AsrModels()
    quality: Quality = "standard"


class TextTranslationSpec(_Job):
    """A text in, its translation out."""

    kind: Literal["text_translation"]
    text: Text
    source_language: Language
    target_language: Language
    models: TranslationModels = TranslationModels()
    glossary_id: GlossaryId | None = None


class SpeechSpec(_Job):
    """A text in, speech out."""

    kind: Literal["speech"]
    text: SpokenText
    language: Language
    voice: VoiceName | None = None
    glossary_id: GlossaryId | None = None
    audio: AudioSpec = AudioSpec()
    quality: Quality = "standard"


class EncodeSpec(_File):
    """A file in, the same audio in another codec out."""

    kind: Literal["encode"]
    audio: ArchiveAudioSpec = ArchiveAudioSpec()


class DecodeSpec(_File):
    """A file in, one lossless mono file per channel out."""

    kind: Literal["decode"]


CallSpec = SpeechTranslationSpec | TranscriptionSpec
FileSpec = CallSpec | EncodeSpec | DecodeSpec
TextSpec = TextTranslationSpec | SpeechSpec
JobSpec = FileSpec | TextSpec

_ADAPTER: TypeAdapter[JobSpec] = TypeAdapter(Annotated[JobSpec, Field(discriminator="kind")])


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: its dotted path ("channels.0.role", "" for the whole), and what is wrong."""

    field: str
    message: str


class InvalidFields(InvalidRequest):
    """Fields of a request are missing, unknown or wrong.

    Attributes:
        errors: One for each of them.
    """

    def __init__(self, what: str, errors: tuple[FieldError, ...], *, code: str) -> None:
        listed = "; ".join(f"{each.field}: {each.message}" if each.field else each.message for each in errors)
        super().__init__(f"The {what} is wrong: {listed}.", code=code)
        self.errors = errors


def parse(raw: bytes | str) -> JobSpec:
    """Read a job spec from JSON.

    Raises:
        InvalidRequest: (code invalid_spec) it is not JSON; the detail names line and column.
        InvalidFields: (code invalid_spec) fields are missing, unknown or wrong.
    """
    try:
        return _ADAPTER.validate_json(raw)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
    if problems[0]["type"] == "json_invalid":
        raise InvalidRequest(f"The spec is not JSON: {problems[0]['ctx']['error']}.", code="invalid_spec")
    raise InvalidFields("spec", tuple(map(_field_error, problems)), code="invalid_spec")


def _field_error(problem: Any) -> FieldError:
    # In a union by kind, the first part of a field's path is the kind itself.
    field = ".".join(str(part) for part in problem["loc"][1:])
    match problem["type"]:
        case "extra_forbidden":
            message = f"unknown field for the kind {problem['loc'][0]}"
        case "union_tag_not_found" | "union_tag_invalid":
            field, message = "kind", f"must be one of {', '.join(kinds())}"
        case "value_error":
            message = str(problem["ctx"]["error"])
        case "string_pattern_mismatch":
            message = _PATTERNS[problem["ctx"]["pattern"]]
        case _:
            message = problem["msg"][:1].lower() + problem["msg"][1:]
    return FieldError(field, message)


def json_schema(ref_template: str = "#/$defs/{model}") -> dict[str, Any]:
    """Return the JSON Schema of a spec; `ref_template` says where its definitions will lie."""
    return _ADAPTER.json_schema(ref_template=ref_template)


def kinds() -> tuple[str, ...]:
    """Return the job kinds that have a spec."""
    return tuple(_ADAPTER.json_schema()["discriminator"]["mapping"])
