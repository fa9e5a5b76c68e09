"""The use case of /v1/audio/transcriptions and translations: a file in, what is said in it out, in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from protos.v1 import asr_pb2
from services.gateway.inference import stages
from services.gateway.inference.directions import Direction, Translator, translator
from services.gateway.inference.in_order import in_order
from services.gateway.inference.servers import Errand
from services.gateway.inference.stages import Pcm, Recording
from services.gateway.jobs.abilities import Capabilities
from services.shared.errors import InvalidRequest

# A clip that is not longer is heard as one region where nobody asked for times: looking for speech in it
# first would only cost time, and recognition looks by itself whether there is any.
_ONE_REGION_MS: Final = 10_000
_TASKS: Final = {
    Translator.RECOGNISER: asr_pb2.TRANSCRIBE_TASK_TRANSLATE,
    Translator.SERVICE: asr_pb2.TRANSCRIBE_TASK_TRANSCRIBE,
    Translator.NOBODY: asr_pb2.TRANSCRIBE_TASK_TRANSCRIBE,
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client wants of a file.

    Attributes:
        direction: From which language into which.
        apart: Whether each channel is one speaker; else they are summed into one.
        roles: Names of the channels, in the order of the file; empty for A, B, and so on.
        timed: Whether it matters when something was said, and not only what.
        words: Whether words are wanted, with their times and confidence.
        hints: Words and names to expect.
        prompt: Text that may have come before.
        temperature: Of sampling, 0 to 1.
        model: Name of the recogniser's model; empty for its first.
    """

    direction: Direction
    apart: bool = False
    roles: tuple[str, ...] = ()
    timed: bool = True
    words: bool = True
    hints: tuple[str, ...] = ()
    prompt: str = ""
    temperature: float = 0.0
    model: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may take: seconds of audio, and regions that are heard at once."""

    longest_s: int
    at_once: int


@dataclass(frozen=True, slots=True)
class Word:
    """A recognised word; times in milliseconds from the start of the file, confidence 0 to 1."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Segment:
    """What was said in one stretch of speech.

    Attributes:
        start_ms: From the start of the file; end_ms alike.
        speaker: Name of the channel, where channels are speakers.
        text: As wanted, translated or not; may be empty.
        language: BCP-47 code of what was said; empty when that is not known.
        words: Of the text; none where the translation service made it, or nobody asked.
        average_log_probability: Of the recogniser's tokens.
        no_speech_probability: 0 to 1.
    """

    start_ms: int
    end_ms: int
    speaker: str | None
    text: str
    language: str
    words: tuple[Word, ...]
    average_log_probability: float
    no_speech_probability: float


@dataclass(frozen=True, slots=True)
class _Region:
    audio: Pcm
    start_ms: int
    end_ms: int
    speaker: str | None
    direction: Direction
    translator: Translator


class Transcriber:
    """Writes down a file for one request.

    Args:
        errand: Calls the model servers.
        capabilities: Of the installation; asking for them may wait, which is done in a thread.
        limits: What the request may take.
        wish: What is wanted.
    """

    def __init__(self, errand: Errand, capabilities: Capabilities, limits: Limits, wish: Wish) -> None:
        self._errand = errand
        self._capabilities = capabilities
        self._limits = limits
        self._wish = wish
        self._keep = ExitStack()
        self._translators: dict[Direction, Translator] = {}
        self.duration_ms = 0

    async def check(self) -> None:
        """Raise Unsupported, as `translator` does, before any work when the installation cannot do it."""
        await self._translator(self._wish.direction)

    async def segments(self, file: AsyncIterator[bytes]) -> AsyncGenerator[Segment, None]:
        """Yield what was said, in the order of time; `duration_ms` is known from the first one on.

        To be closed by whoever leaves early.

        Args:
            file: The bytes of the file.

        Raises:
            InvalidRequest: (code channel_count_mismatch) the file has not the channels that were named.
            DragomanError: what the model services raise.
        """
        with ExitStack() as self._keep:
            longest_ms = self._limits.longest_s * 1000
            recording = await stages.decode(self._errand, file, longest_ms, self._keep)
            self.duration_ms = recording.duration_ms
            regions = await self._regions(await self._channels(recording))
            work = (partial(self._heard, region) for region in regions)
            async with aclosing(in_order(work, self._limits.at_once)) as heard:
                async for segment in heard:
                    yield segment

    async def _translator(self, direction: Direction) -> Translator:
        if direction not in self._translators:
            found = await asyncio.to_thread(translator, direction, self._capabilities)
            self._translators[direction] = found
        return self._translators[direction]

    async def _channels(self, recording: Recording) -> list[tuple[Pcm, str | None]]:
        """Return the channels to be heard, each with its speaker."""
        different = sorted(set(recording.identical_to))
        if self._wish.apart:
            names = self._names(len(recording.channels), len(different))
            return [(recording.channels[index], names[index]) for index in different]
        if len(different) == 1:
            return [(recording.channels[0], None)]
        return [(await stages.mix(self._errand, recording, self._keep), None)]

    def _names(self, count: int, different: int) -> Sequence[str]:
        """Return the names of `count` channels."""
        roles = self._wish.roles
        if len(roles) not in {0, count} and (len(roles), different) != (1, 1):
            raise InvalidRequest(
                f"The file has {count} channel(s), but {len(roles)} are named: name each one,"
                " in the order of the file.",
                code="channel_count_mismatch",
            )
        return roles or [chr(ord("A") + index) for index in range(count)]

    async def _regions(self, channels: Sequence[tuple[Pcm, str | None]]) -> list[_Region]:
        if len(channels) == 1 and self._is_one_region():
            direction, (audio, speaker) = self._wish.direction, channels[0]
            made_by = await self._translator(direction)
            return [_Region(audio, 0, self.duration_ms, speaker, direction, made_by)]
        work = (partial(self._found, *channel) for channel in channels)
        async with aclosing(in_order(work, len(channels))) as found:
            regions = [region async for several in found for region in several]
        return sorted(regions, key=lambda region: region.start_ms)

    def _is_one_region(self) -> bool:
        """Say whether the file is so short that it needs no look for speech before it is heard."""
        return not self._wish.timed and self.duration_ms <= _ONE_REGION_MS

    async def _found(self, audio: Pcm, speaker: str | None) -> list[_Region]:
        source = self._wish.direction.source
        config = asr_pb2.SegmentConfig(language_code=source, model=self._wish.model)
        found = await stages.segment(self._errand, audio, config, self.duration_ms)
        if not found.regions:
            return []
        direction = replace(self._wish.direction, source=found.language_code)
        made_by = await self._translator(direction)
        return [
            _Region(audio, region.start_ms, region.end_ms, speaker, direction, made_by)
            for region in found.regions
        ]

    async def _heard(self, region: _Region) -> Segment:
        config = asr_pb2.TranscribeConfig(
            language_code=region.direction.source,
            task=_TASKS[region.translator],
            hints=self._wish.hints,
            prompt=self._wish.prompt,
            temperature=self._wish.temperature,
            text_only=not self._wish.words,
            model=self._wish.model,
        )
        audio = region.audio.read(region.start_ms, region.end_ms)
        heard = await stages.transcribe(self._errand, audio, config)
        text, words = heard.text, tuple(_word(word, region.start_ms) for word in heard.words)
        direction = replace(region.direction, source=heard.source_language)
        if text.strip() and await self._is_for_service(region, direction):
            languages = (direction.source, direction.target or "")
            audio_ms = region.end_ms - region.start_ms
            text, words = await stages.translate(self._errand, text, languages, audio_ms), ()
        return Segment(
            region.start_ms,
            region.end_ms,
            region.speaker,
            text.strip(),
            direction.source,
            words,
            heard.average_log_probability,
            heard.no_speech_probability,
        )

    async def _is_for_service(self, region: _Region, direction: Direction) -> bool:
        """Say whether the translation service is to translate; `direction` is that of what was heard."""
        if region.translator is not Translator.SERVICE or direction == region.direction:
            return region.translator is Translator.SERVICE
        # Only now is it known what was spoken: it may need no translation, or have none.
        return await self._translator(direction) is Translator.SERVICE


def _word(word: asr_pb2.Word, offset_ms: int) -> Word:
    return Word(word.text, word.start_ms + offset_ms, word.end_ms + offset_ms, word.confidence)
