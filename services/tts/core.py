"""Speech that fits its slot: choose a voice, split the text, forecast, set the rate, speak once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Final

import numpy as np

from services.shared import telemetry
from services.shared.errors import InvalidRequest, TooLarge
from services.tts import voices
from services.tts.engines.base import MAX_RATE, MIN_RATE, Audio, TtsEngine
from services.tts.engines.trade import TtsResidents
from services.tts.request import Closing, Opening, Speech, SpeechRequest, length_ms
from services.tts.script import Script
from services.tts.splitting import Piece, split
from services.tts.voices import Offer

# Speech that runs over its slot by less than this is not worth the cost of speaking it again.
TOLERANCE: Final = 0.1

NOTHING: Final = "nothing_to_speak"
OVERRUN: Final = "slot_overrun"
LAST_RESORT: Final = "last_resort_voice"
CLONED: Final = "cloned_voice"


class TtsCore:
    """Speaks with several engines; every method may be called from several threads at once.

    Args:
        residents: The engines, in order of preference.
        max_stretch: Default of SpeechRequest.max_stretch, 1 to 2.
        max_characters: Longest text accepted.
        min_stretch: Lowest stretch, to fill a slot; 0.5 to 1.

    Attributes:
        residents: As given.
    """

    def __init__(
        self,
        residents: TtsResidents,
        max_stretch: float = 1.25,
        max_characters: int = 5_000,
        min_stretch: float = 0.85,
    ) -> None:
        self.residents = residents
        self._max_stretch = max_stretch
        self._max_characters = max_characters
        self._min_stretch = min_stretch

    @property
    def offers(self) -> tuple[Offer, ...]:
        """The voices of all engines."""
        statuses = self.residents.statuses
        return voices.offers(tuple((each.reference, each.model, each.description) for each in statuses))

    def synthesize(self, request: SpeechRequest, cancelled: Callable[[], bool] = lambda: False) -> Speech:
        """Speak a text, faster or more slowly where its slot asks for it.

        The forecast decides the rate, so that the text is spoken once; only when the result overruns by
        more than TOLERANCE and may still go faster is it spoken again.

        Args:
            request: What to speak.
            cancelled: Says whether to stop; asked before each piece, and by the engine.

        Raises:
            InvalidRequest: invalid_rate, invalid_max_stretch or invalid_slot.
            TooLarge: text_too_long.
            Unsupported: unsupported_language, unknown_voice or voice_language_mismatch.
            Cancelled: `cancelled()` became true.
        """
        bounds, text = self._checked(request), self._script_of(request)
        most = bounds[1]
        with ExitStack() as held:
            offer, engine = self._cast(request, held)
            script = Script(engine, _observed(split(text)), offer.own_name, cancelled)
            stretch = script.fitting_stretch(request.rate, request.lengths_ms, bounds)
            speech = self._spoken(script, request, offer, stretch)
            if _overruns(speech.duration_ms, request.slot_ms) and stretch < most:
                stretch = min(most, stretch * speech.duration_ms / request.slot_ms)
                speech = replace(self._spoken(script, request, offer, stretch), passes=2)
        if not speech.audio.size:
            return replace(speech, stretch=1.0, passes=0, warnings=(NOTHING,))
        return replace(speech, warnings=_warnings(offer, speech.duration_ms, request.slot_ms))

    def stream(
        self, request: SpeechRequest, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[Opening | Audio | Closing]:
        """Speak a text clause by clause: the opening, each piece as soon as it is spoken, the closing.

        The stretch is the forecast's, for what has been heard cannot be spoken again.

        Args:
            request: What to speak.
            cancelled: As for `synthesize`.

        Raises:
            DragomanError: as `synthesize`, before the opening; Cancelled at any time.
        """
        bounds, text = self._checked(request), self._script_of(request)
        pieces = _observed(split(text, first_clause=True))
        with ExitStack() as held:
            offer, engine = self._cast(request, held)
            script = Script(engine, pieces, offer.own_name, cancelled)
            stretch = script.fitting_stretch(request.rate, request.lengths_ms, bounds)
            rate = request.rate * stretch
            expected_ms = script.estimate_ms(rate) if request.slot_ms else script.sampled_ms(rate)
            warnings = _warnings(offer, round(expected_ms), 0)
            yield Opening(offer.voice.name, offer.model, stretch, round(expected_ms), warnings)
            samples = 0
            for audio in script.speak(rate):
                samples += audio.size
                yield audio
        yield Closing(length_ms(samples), _warnings(offer, length_ms(samples), request.slot_ms))

    def _cast(self, request: SpeechRequest, held: ExitStack) -> tuple[Offer, TtsEngine]:
        """Return the voice that answers a request, and its engine, held until `held` ends."""
        while True:
            offer = voices.choose(self.offers, request.language, request.voice)
            engine = held.enter_context(self.residents.use(offer.reference))
            if offer in self.offers:
                return offer, engine
            # It has just been exchanged for another one, which has its own voices.
            held.close()

    def _spoken(self, script: Script, request: SpeechRequest, offer: Offer, stretch: float) -> Speech:
        parts = [np.zeros(0, np.float32), *script.speak(request.rate * stretch)]
        return Speech(np.concatenate(parts), offer.voice.name, offer.model, stretch, 1)

    def _script_of(self, request: SpeechRequest) -> str:
        # Numbers in words are longer than in figures, but no longer to speak.
        if max(len(request.text), len(request.pronounced)) > self._max_characters:
            raise TooLarge(
                f"The text, with its pronunciations, is longer than {self._max_characters} characters.",
                code="text_too_long",
            )
        return request.script

    def _checked(self, request: SpeechRequest) -> tuple[float, float]:
        """Return the lowest and the highest stretch that the request and the engines' rates allow."""
        most = self._max_stretch if request.max_stretch is None else request.max_stretch
        if not MIN_RATE <= request.rate <= MAX_RATE:
            raise InvalidRequest(f"rate must be {MIN_RATE} to {MAX_RATE}.", code="invalid_rate")
        if not 1 <= most <= MAX_RATE:
            raise InvalidRequest(f"max_stretch must be 1 to {MAX_RATE}.", code="invalid_max_stretch")
        if request.slot_ms < 0:
            raise InvalidRequest("slot_ms must not be negative; 0 means no limit.", code="invalid_slot")
        # Who wishes for a slow rate gets as slow a one, and no slower.
        least = min(1.0, self._min_stretch / min(1.0, request.rate))
        return least, min(most, MAX_RATE / request.rate)


def _observed(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    telemetry.BATCH_SIZE.labels("tts").observe(len(pieces))
    return pieces


def _warnings(offer: Offer, duration_ms: int, slot_ms: int) -> tuple[str, ...]:
    if not duration_ms:
        return (NOTHING,)
    found = {
        CLONED: offer.voice.cloned,
        LAST_RESORT: offer.voice.last_resort,
        OVERRUN: _overruns(duration_ms, slot_ms),
    }
    return tuple(code for code, holds in found.items() if holds)


def _overruns(duration_ms: int, slot_ms: int) -> bool:
    return bool(slot_ms) and duration_ms > slot_ms * (1 + TOLERANCE)
