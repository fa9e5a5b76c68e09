"""The voices of all engines under names of their own, and which of them answers a language and a wish."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from services.shared.engines import Model, Reference
from services.shared.errors import Unsupported
from services.tts.engines.base import Voice

# An engine as settings name it, its model, and its voices.
Cast = tuple[Reference, Model, tuple[Voice, ...]]


@dataclass(frozen=True, slots=True)
class Offer:
    """A voice that a caller can have.

    Attributes:
        voice: With the name that callers use, and `default` where it speaks when none is named.
        own_name: Its engine's name for it.
        reference: Its engine.
        model: That speaks.
    """

    voice: Voice
    own_name: str
    reference: Reference
    model: Model


@lru_cache(maxsize=4)
def offers(casts: tuple[Cast, ...]) -> tuple[Offer, ...]:
    """Return the voices of engines in order of preference.

    Where two voices have the same name, that of the later engine has its model's name before it.
    """
    found: dict[str, Offer] = {}
    for reference, model, voices in casts:
        for voice in voices:
            names = (voice.name, f"{model.name}/{voice.name}", f"{reference}/{voice.name}")
            name = next(each for each in names if each not in found)
            found[name] = Offer(replace(voice, name=name), voice.name, reference, model)
    every = tuple(found.values())
    chosen = {choose(every, code).voice.name for code in {each.voice.language_code for each in every}}
    return tuple(_marked(each, default=each.voice.name in chosen) for each in every)


def _marked(offer: Offer, *, default: bool) -> Offer:
    return (
        offer
        if offer.voice.default == default
        else replace(offer, voice=replace(offer.voice, default=default))
    )


def choose(every: Sequence[Offer], language: str, name: str = "") -> Offer:
    """Return the voice called `name`, or the language's default voice when `name` is empty.

    A region that is asked for is spoken by the first engine that has it. A region that none has, and a
    language without one, is spoken by the first engine that has the language, in its most common region:
    pt-PT by pt-BR. A last resort comes after all others: better another region than a voice that is no joy.
    A cloned voice speaks for who names it; unnamed it speaks only what no other voice does.

    Args:
        every: All there are, in order of preference.
        language: BCP-47.
        name: Of a voice, or empty.

    Raises:
        Unsupported: unsupported_language, unknown_voice or voice_language_mismatch.
    """
    speakers = [each for each in every if _primary(each.voice.language_code) == _primary(language)]
    if not speakers:
        languages = ", ".join(dict.fromkeys(each.voice.language_code for each in every))
        raise Unsupported(
            f"No voice speaks that language; there are voices for {languages}.", code="unsupported_language"
        )
    if name:
        return _named(every, speakers, name)
    nobodys = [each for each in speakers if not each.voice.cloned] or speakers
    pleasant = [each for each in nobodys if not each.voice.last_resort] or nobodys
    defaults = [each for each in pleasant if each.voice.default] or pleasant
    exact = (each for each in defaults if _plain(each.voice.language_code) == _plain(language))
    # "en" asks for no region, so it is the preferred engine's, even where a later one has just "en".
    return next(exact, defaults[0]) if "-" in _plain(language) else defaults[0]


def _named(every: Iterable[Offer], speakers: Sequence[Offer], name: str) -> Offer:
    for each in speakers:
        if each.voice.name == name:
            return each
    mine = ", ".join(each.voice.name for each in speakers)
    if any(each.voice.name == name for each in every):
        raise Unsupported(
            f"That voice speaks another language; this one has {mine}.", code="voice_language_mismatch"
        )
    raise Unsupported(f"There is no such voice; this language has {mine}.", code="unknown_voice")


def _plain(language: str) -> str:
    return language.replace("_", "-").lower()


def _primary(language: str) -> str:
    return _plain(language).partition("-")[0]
