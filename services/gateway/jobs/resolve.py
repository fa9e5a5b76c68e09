"""A valid spec against what this installation can do: everything checked, every default filled in."""

from __future__ import annotations

from typing import Any, Final

from services.gateway.jobs import voices
from services.gateway.jobs.abilities import Capabilities, Chosen, TranslationCapabilities
from services.gateway.jobs.abilities import Codec as CodecDescription
from services.gateway.jobs.languages import AUTO, any_serves, canonical, serves
from services.gateway.jobs.listing import listed
from services.gateway.jobs.ports import Webhooks
from services.gateway.jobs.spec import (
    AudioSpec,
    CallSpec,
    ChannelSpec,
    DecodeSpec,
    EncodeSpec,
    JobSpec,
    Quality,
    SpeechSpec,
    SpeechTranslationSpec,
    TextTranslationSpec,
    TranscriptionSpec,
)
from services.shared.errors import InvalidRequest, Unsupported

_ENGLISH: Final = "en"
_HOW_TO_SPEAK: Final = ("max_stretch", "allow_overlap", "keep_sounds")
Json = dict[str, Any]


def resolve(spec: JobSpec, capabilities: Capabilities) -> Json:
    """Return the spec as workers read it: JSON, complete, without the client's text or metadata.

    Only the services that the job needs are asked.

    Raises:
        Unsupported: (codes unknown_model, unsupported_language, unsupported_language_pair, unknown_voice,
            unknown_codec, invalid_bitrate, unverifiable_language) this installation cannot do it; the detail
            lists what it can.
        Unavailable: a needed service has not answered yet.
    """
    common: Json = {"kind": spec.kind, "priority": spec.priority}
    if models := _models(spec):
        capabilities = Chosen(capabilities, models)
        capabilities.check()
        common["models"] = models
    match spec:
        case SpeechTranslationSpec() | TranscriptionSpec():
            return common | _call(spec, capabilities)
        case TextTranslationSpec():
            _check_pair(capabilities.translation(), spec.source_language, spec.target_language)
            return common | spec.model_dump(include={"source_language", "target_language"})
        case SpeechSpec():
            voice = _voice(spec.voice, spec.language, capabilities, "voice")
            audio = _audio(spec.audio, capabilities)
            _check_quality(spec.quality, spec.language, capabilities)
            made = {"language": spec.language, "voice": voice, "audio": audio, "quality": spec.quality}
            return common | made
        case EncodeSpec():
            return common | {"audio": _audio(spec.audio, capabilities)}
        case DecodeSpec():
            return common


def webhook(spec: JobSpec, tenant: str, webhooks: Webhooks) -> Json:
    """Return what the stored spec says of the webhook that a job names; nothing when it names none.

    Raises:
        InvalidRequest: (code unknown_webhook) the tenant has no webhook with that URL.
    """
    if spec.webhook_url is None:
        return {}
    found = webhooks.webhook_at(tenant, spec.webhook_url)
    if found is None:
        detail = "webhook_url is none of your webhooks: make one with POST /v1/webhooks first."
        raise InvalidRequest(detail, code="unknown_webhook")
    return {"webhook": found}


def _models(spec: JobSpec) -> dict[str, str]:
    """Return the models that a job names, by service."""
    match spec:
        case SpeechTranslationSpec() | TranscriptionSpec() | TextTranslationSpec():
            return spec.models.model_dump(exclude_none=True)
        case _:
            return {}


def _call(spec: CallSpec, capabilities: Capabilities) -> Json:
    directions = [
        {"index": index, **_direction(channel, spec, capabilities)}
        for index, channel in enumerate(spec.directions())
    ]
    resolved: Json = {
        "outputs": list(spec.outputs),
        "quality": spec.quality,
        "channels": directions if spec.channels else [],
    }
    if not spec.channels:
        resolved |= directions[0]
        del resolved["index"]
    if isinstance(spec, SpeechTranslationSpec):
        resolved |= {name: getattr(spec, name) for name in _HOW_TO_SPEAK}
        if "audio" in spec.outputs:
            resolved["audio"] = _audio(spec.audio, capabilities)
    return resolved


def _direction(channel: ChannelSpec, spec: CallSpec, capabilities: Capabilities) -> Json:
    source, target = channel.source_language, channel.target_language
    recognised = capabilities.asr().languages
    if source != AUTO and not any_serves(recognised, source):
        raise Unsupported(
            f"{source} is not recognised here. Recognised: {listed(recognised)}, or auto.",
            code="unsupported_language",
        )
    resolved: Json = {
        "role": channel.role,
        "source_language": source,
        "target_language": target,
        "voice": None,
        "translator": _translator(spec, source, target, capabilities) if target else None,
    }
    if isinstance(spec, SpeechTranslationSpec) and "audio" in spec.outputs and target:
        wishes = {canonical(name): voice for name, voice in spec.voices.items()} | spec.voices
        wish = channel.voice or wishes.get(channel.role or "") or wishes.get(target)
        resolved["voice"] = _voice(wish, target, capabilities, "voices")
        _check_quality(spec.quality, target, capabilities)
    return resolved


def _check_quality(quality: Quality, language: str, capabilities: Capabilities) -> None:
    """Check that speech that is to be heard again is in a language that is recognised."""
    if quality == "standard":
        return
    recognised = capabilities.asr().languages
    if not any_serves(recognised, language):
        raise Unsupported(
            f"With quality verify recognition hears the speech that is made, and it does not know {language} "
            f"here: leave quality out. Recognised: {listed(recognised)}.",
            code="unverifiable_language",
        )


def _translator(spec: CallSpec, source: str, target: str, capabilities: Capabilities) -> str | None:
    """Return "asr" where speech recognition itself translates, None where the translation service does."""
    by_asr = serves(target, _ENGLISH) and capabilities.asr().translates_to_english
    # A detected language may be any, and recognition translates from any.
    if by_asr and (source == AUTO or isinstance(spec, TranscriptionSpec)):
        return None if serves(source, target) else "asr"
    if isinstance(spec, TranscriptionSpec):
        raise Unsupported(
            "A transcription translates only into en, and only where the ASR engine can; for other languages "
            "use the kind speech_translation with outputs [transcript].",
            code="unsupported_language_pair",
        )
    translation = capabilities.translation()
    if _has_pair(translation, source, target):
        return None
    if by_asr and not serves(source, target):
        return "asr"
    raise _no_pair(translation, source, target, into_english=capabilities.asr().translates_to_english)


def _check_pair(translation: TranslationCapabilities, source: str, target: str) -> None:
    if not _has_pair(translation, source, target):
        raise _no_pair(translation, source, target, into_english=False)


def _has_pair(translation: TranslationCapabilities, source: str, target: str) -> bool:
    return any(
        (source == AUTO or serves(pair.source, source)) and serves(pair.target, target)
        for pair in translation.pairs
    )


def _no_pair(
    translation: TranslationCapabilities, source: str, target: str, *, into_english: bool
) -> Unsupported:
    pairs = dict.fromkeys(f"{pair.source} to {pair.target}" for pair in translation.pairs)
    known = [*pairs, *(["any recognised language to en"] if into_english else [])]
    return Unsupported(
        f"Translation from {source} to {target} is not supported. Supported: {listed(known)}.",
        code="unsupported_language_pair",
    )


def _voice(wish: str | None, language: str, capabilities: Capabilities, field: str) -> str | None:
    """Return the name of the voice that is wished for, by its name or its gender."""
    known = capabilities.tts().voices
    speakers = voices.speakers(known, language)
    if not speakers:
        spoken = sorted({voice.language for voice in known})
        raise Unsupported(
            f"{language} is not spoken here. Spoken: {listed(spoken)}.", code="unsupported_language"
        )
    if wish is None:
        return None
    if (found := voices.find(wish, speakers)) is None:
        raise Unsupported(
            f"There is no such voice for {language} (see {field}). "
            f"Its voices: {listed(voices.described(speakers))}.",
            code="unknown_voice",
        )
    return found.name


def _audio(audio: AudioSpec, capabilities: Capabilities) -> Json:
    codecs = {codec.name: codec for codec in capabilities.codec().codecs}
    codec = codecs.get(audio.codec)
    if codec is None:
        raise Unsupported(
            f"There is no codec of that name (see audio.codec). Codecs: {listed(codecs)}.",
            code="unknown_codec",
        )
    _check_bitrate(audio.bitrate_kbps, codec)
    # A bitrate that was not asked for stays open: the codec's default depends on the file's channels.
    return audio.model_dump()


def _check_bitrate(bitrate_kbps: float | None, codec: CodecDescription) -> None:
    if bitrate_kbps is None:
        return
    if codec.bitrates_kbps is None:
        raise Unsupported(
            f"{codec.name} has no adjustable bitrate: leave audio.bitrate_kbps out.", code="invalid_bitrate"
        )
    match codec.bitrates_kbps:
        case (lowest, highest):
            allowed, which = lowest <= bitrate_kbps <= highest, f"from {lowest:g} to {highest:g}"
        case listed_ones:
            allowed = bitrate_kbps in listed_ones
            which = f"of {listed([f'{each:g}' for each in listed_ones])}"
    if not allowed:
        raise Unsupported(f"{codec.name} takes audio.bitrate_kbps {which}.", code="invalid_bitrate")
