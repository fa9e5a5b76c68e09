"""What `dragoman submit` asks for: its options, and the job spec that they make."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from dragoman import JobSpec
from services.shared.errors import InvalidRequest

_TEXT_KINDS = frozenset({"text_translation", "speech"})


@dataclass(frozen=True, slots=True)
class SubmitOptions:
    """The options of `dragoman submit`; help texts are with each."""

    file: Annotated[Path | None, typer.Argument(help="Recording to work on.")] = None
    kind: Annotated[
        str,
        typer.Option(help="speech_translation, transcription, text_translation, speech, encode or decode."),
    ] = "speech_translation"
    source: Annotated[str | None, typer.Option("--from", help="Language spoken, such as en, or auto.")] = None
    target: Annotated[str | None, typer.Option("--to", help="Language wanted, such as pt-BR.")] = None
    channel: Annotated[
        list[str] | None,
        typer.Option(help="One per channel, in order: ROLE:FROM:TO, such as agent:en:pt-BR."),
    ] = None
    codec: Annotated[str | None, typer.Option(help="Codec of the audio made, such as opus or mp3.")] = None
    bitrate: Annotated[float | None, typer.Option(help="Its bitrate in kbit/s.")] = None
    layout: Annotated[str | None, typer.Option(help="per_channel, mixed, both or multichannel.")] = None
    text: Annotated[str | None, typer.Option(help="Text to translate or to speak.")] = None
    language: Annotated[str | None, typer.Option(help="Language of the text to speak.")] = None
    voice: Annotated[str | None, typer.Option(help="Voice to speak it with: a name, female or male.")] = None
    voices: Annotated[
        list[str] | None,
        typer.Option("--voice-of", help="ROLE:VOICE or LANGUAGE:VOICE, such as customer:female."),
    ] = None
    asr_model: Annotated[str | None, typer.Option(help="Model that recognises; see `dragoman stages`.")] = (
        None
    )
    translation_model: Annotated[str | None, typer.Option(help="Model that translates.")] = None
    encoding: Annotated[
        str | None, typer.Option(help="Of a file without a header: mulaw, alaw, s16le, gsm or g722.")
    ] = None
    rate: Annotated[int, typer.Option(help="Its sample rate in hertz.")] = 8000
    channels: Annotated[int, typer.Option(help="Its number of channels.")] = 1
    source_url: Annotated[
        str | None, typer.Option(help="Where the gateway fetches the recording: https.")
    ] = None
    glossary: Annotated[str | None, typer.Option(help="Id of a glossary to work with.")] = None
    webhook_url: Annotated[str | None, typer.Option(help="One of your endpoints, to be told of the end.")] = (
        None
    )
    quality: Annotated[
        str | None, typer.Option(help="standard, or verify: numbers and made speech are heard again.")
    ] = None
    allow_overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="Speak a reply although the speech before it still runs.")
    ] = False
    keep_sounds: Annotated[
        bool,
        typer.Option("--keep-sounds/--no-keep-sounds", help="Keep music, tones and rings of the recording."),
    ] = True
    watch: Annotated[bool, typer.Option("--watch", help="Show progress until the job is over.")] = False
    out: Annotated[Path | None, typer.Option(help="Folder to fetch all files into; waits as well.")] = None

    def require_input(self) -> None:
        """Check that the kind has what it works on.

        Raises:
            InvalidRequest: no file, no text, or a file that is not there.
        """
        if self.file is not None and not self.file.is_file():
            raise InvalidRequest(f"There is no file {self.file}.", code="file_not_found")
        if self.kind in _TEXT_KINDS and self.text is None:
            raise InvalidRequest(f"{self.kind} needs --text.", code="text_missing")
        if self.kind not in _TEXT_KINDS and self.file is None and self.source_url is None:
            raise InvalidRequest(f"{self.kind} needs a FILE.", code="file_missing")

    def spec(self) -> JobSpec:
        """Return the job spec; what was not asked for is left to the gateway's defaults.

        Raises:
            InvalidRequest: a --channel is not ROLE:FROM:TO, or a --voice-of has no voice.
        """
        wanted = {
            "kind": self.kind,
            "source_language": self.source,
            "target_language": self.target,
            "channels": [_channel(each) for each in self.channel or ()],
            "audio": _present(codec=self.codec, bitrate_kbps=self.bitrate, layout=self.layout),
            "text": self.text,
            "language": self.language,
            "voice": self.voice,
            "voices": dict(_voice(each) for each in self.voices or ()),
            "models": _present(asr=self.asr_model, translation=self.translation_model),
            "input": self._raw_format(),
            "source_url": self.source_url,
            "glossary_id": self.glossary,
            "webhook_url": self.webhook_url,
            "quality": self.quality,
            "allow_overlap": self.allow_overlap or None,
            "keep_sounds": None if self.keep_sounds else False,
        }
        return cast("JobSpec", _present(**wanted))

    def _raw_format(self) -> dict[str, Any] | None:
        if self.encoding is None:
            return None
        return {
            "encoding": self.encoding,
            "sample_rate_hertz": self.rate,
            "channel_count": self.channels,
        }


def _channel(text: str) -> dict[str, str]:
    role, _, languages = text.partition(":")
    source, _, target = languages.partition(":")
    if not role or not source:
        raise InvalidRequest(f"--channel {text!r} is not ROLE:FROM:TO.", code="channel_syntax")
    return _present(role=role, source_language=source, target_language=target)


def _voice(text: str) -> tuple[str, str]:
    whose, _, voice = text.partition(":")
    if not whose or not voice:
        raise InvalidRequest(f"--voice-of {text!r} is not ROLE:VOICE or LANGUAGE:VOICE.", code="voice_syntax")
    return whose, voice


def _present(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}
