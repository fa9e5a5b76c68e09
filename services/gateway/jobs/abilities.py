"""What an installation can do, as its model services tell: models, languages, pairs, voices, codecs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol, Self, TypeVar

from services.gateway.jobs.listing import listed
from services.shared.errors import Unsupported

# What all of the following have: `slots` is how many batches one replica works on at once, `batch` how many
# calls may share one; 0 when it never said. `models` are in order of preference: the first is the one of a
# request that names none; a server of an earlier version tells that one only.


@dataclass(frozen=True, slots=True)
class Model:
    """A model that answers; revision and sha256 of its weights are empty where it has none."""

    name: str
    revision: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class AsrModel:
    """A model of speech recognition, and what it can do."""

    model: Model
    languages: tuple[str, ...]
    translates_to_english: bool


@dataclass(frozen=True, slots=True)
class AsrCapabilities:
    """What speech recognition can do; languages and translates_to_english are of the first model."""

    languages: tuple[str, ...]
    translates_to_english: bool
    slots: int = 0
    batch: int = 0
    models: tuple[AsrModel, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its models."""
        return tuple(each.model.name for each in self.models)

    def of(self, model: str) -> Self:
        """Return what one of its models can do; of two engines with the same one, the first answers."""
        one = next(each for each in self.models if each.model.name == model)
        return replace(
            self, languages=one.languages, translates_to_english=one.translates_to_english, models=(one,)
        )


@dataclass(frozen=True, slots=True)
class Pair:
    """A way to translate one language into another.

    Attributes:
        source: BCP-47; target alike.
        models: Names of those that do it, in their order; empty when the service never said.
        pivot: The language that it goes through; empty for a direct way.
    """

    source: str
    target: str
    models: tuple[str, ...] = ()
    pivot: str = ""


@dataclass(frozen=True, slots=True)
class TranslationCapabilities:
    """What text translation can do: the best way of each pair."""

    pairs: tuple[Pair, ...]
    slots: int = 0
    batch: int = 0
    models: tuple[Model, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its models, those that do single pairs included."""
        of_pairs = (name for pair in self.pairs for name in pair.models)
        return tuple(dict.fromkeys((*(each.name for each in self.models), *of_pairs)))

    def of(self, model: str) -> Self:  # noqa: ARG002 - the service alone knows what it could do
        """Return what the service can do: it tells each pair's best way only, which may be another model's.

        It refuses by itself what the model does not do.
        """
        return self


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice of speech synthesis.

    Attributes:
        name: What a job asks for.
        language: BCP-47.
        gender: "female" or "male"; empty when it is not known.
        default: Whether it speaks the language when a request names no voice.
        model: Name of the model that speaks with it; empty when the service never said.
        cloned: Whether it is that of a person, who agreed to it.
        last_resort: Whether it is understood, but no joy to hear.
    """

    name: str
    language: str
    gender: str = ""
    default: bool = False
    model: str = ""
    cloned: bool = False
    last_resort: bool = False


@dataclass(frozen=True, slots=True)
class TtsCapabilities:
    """What speech synthesis can do."""

    voices: tuple[Voice, ...]
    slots: int = 0
    batch: int = 0
    models: tuple[Model, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its models."""
        return tuple(each.name for each in self.models)

    def of(self, model: str) -> Self:
        """Return what one of its models can do."""
        voices = tuple(voice for voice in self.voices if voice.model in ("", model))
        return replace(self, voices=voices, models=tuple(each for each in self.models if each.name == model))


@dataclass(frozen=True, slots=True)
class Codec:
    """An audio codec of the codec service.

    Attributes:
        name: Such as "opus".
        bitrates_kbps: Lowest and highest; more than two are all there are; None when not adjustable.
        default_bitrate_kbps: 0 when not adjustable.
        packet_ms: Audio in one packet of a stream; 0 where it cannot be streamed.
        model: That it needs; None without one.
    """

    name: str
    bitrates_kbps: tuple[float, ...] | None
    default_bitrate_kbps: float
    packet_ms: int = 0
    model: Model | None = None


@dataclass(frozen=True, slots=True)
class CodecCapabilities:
    """What the codec service can do."""

    codecs: tuple[Codec, ...]
    containers: tuple[str, ...]
    slots: int = 0
    batch: int = 0


class Capabilities(Protocol):
    """What the model services say they can do. Each raises Unavailable if its service never answered."""

    def asr(self) -> AsrCapabilities:
        """Of speech recognition."""
        ...

    def translation(self) -> TranslationCapabilities:
        """Of text translation."""
        ...

    def tts(self) -> TtsCapabilities:
        """Of speech synthesis."""
        ...

    def codec(self) -> CodecCapabilities:
        """Of the codec service."""
        ...


class _HasModels(Protocol):
    @property
    def names(self) -> tuple[str, ...]: ...

    def of(self, model: str) -> Self: ...


T = TypeVar("T", bound=_HasModels)


class Chosen:
    """What an installation can do with the models that somebody named.

    Args:
        capabilities: Of the installation.
        models: Names by service, such as "asr"; a service that is not in it does what it does by itself.
    """

    def __init__(self, capabilities: Capabilities, models: Mapping[str, str]) -> None:
        self._capabilities = capabilities
        self._models = models

    def check(self) -> None:
        """See that every model is there; only the services of which one is named are asked.

        Raises:
            Unsupported: (code unknown_model) one is not; the detail lists those that are.
            Unavailable: its service never answered.
        """
        for service in self._models:
            getattr(self, service)()

    def asr(self) -> AsrCapabilities:
        """Of speech recognition; raises as `check` does."""
        return self._of("asr", self._capabilities.asr())

    def translation(self) -> TranslationCapabilities:
        """Of text translation; raises as `check` does."""
        return self._of("translation", self._capabilities.translation())

    def tts(self) -> TtsCapabilities:
        """Of speech synthesis; raises as `check` does."""
        return self._of("tts", self._capabilities.tts())

    def codec(self) -> CodecCapabilities:
        """Of the codec service."""
        return self._capabilities.codec()

    def _of(self, service: str, known: T) -> T:
        model = self._models.get(service)
        if not model:
            return known
        if model not in known.names:
            raise Unsupported(
                f"There is no model of that name for {service}. Models: {listed(known.names)}.",
                code="unknown_model",
            )
        return known.of(model)
