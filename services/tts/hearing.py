"""Speech heard again: whether recognition finds in it the words and the numbers that it was to say."""

from __future__ import annotations

import re
import sys
import threading
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

from protos.v1 import asr_pb2, asr_pb2_grpc, common_pb2
from services.shared import telemetry
from services.shared.entities.comparison import pairs
from services.shared.entities.extraction import entities
from services.shared.entities.kinds import IDENTIFIERS, Entity
from services.shared.entities.normal import normalised
from services.shared.errors import Cancelled, DragomanError, Overloaded, Timeout
from services.shared.rpc.client import chunks
from services.shared.stage import Work
from services.tts.spoken.changes import Reading, changed

# A call to the recogniser may take that part of what a unit's call may take, and none begins so late that the
# unit would be overdue: that is so after twice as long as a call may take.
_CALLS: Final = 4
_LATEST: Final = 1.5
# How long to wait for a recogniser whose queue is full; then the unit waits its turn with all others.
_PATIENCE_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
# Speech that is longer than the recogniser hears at once is cut where it is quietest within these.
_CUT_WITHIN_S: Final = 4
_FRAMES_PER_S: Final = 50
_BYTES_PER_SAMPLE: Final = 2
# Of scripts that are written without spaces each character counts as a word.
_WORD: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff]+")
_AS_LETTERS: Final = str.maketrans("0123456789", "bcdfghjklm")


@dataclass(frozen=True, slots=True)
class Heard:
    """How speech compares with its text.

    Attributes:
        word_error_rate: Words that are wrong, missing or too many, by those of the text; numbers count alike
            however they are written. May be above 1. Of scripts without spaces, of characters.
        entities_match: Whether all numbers and identifiers were heard, and no others.
    """

    word_error_rate: float
    entities_match: bool

    def is_good(self, most_word_errors: float) -> bool:
        """Say whether there is nothing to complain of; at most such a word error rate is none."""
        return self.entities_match and self.word_error_rate <= most_word_errors

    @property
    def badness(self) -> tuple[bool, float]:
        """Less is better; numbers count first."""
        return not self.entities_match, self.word_error_rate


def hear(work: Work, pcm: bytes, rate_hz: int, expected: Sequence[str], language: str) -> Heard | None:
    """Have speech recognised, and compare; nothing of what is heard is kept.

    Args:
        work: The unit.
        pcm: Mono, 16 bits.
        rate_hz: Of `pcm`, 8,000 to 48,000.
        expected: The text, and other ways to write it; the most alike counts.
        language: Of the text, BCP-47.

    Returns:
        None where there is no recogniser, it fails, it does not know the language, or there is no time left.

    Raises:
        Overloaded: it is too busy, and stayed so.
        Cancelled: the job was cancelled, or the lease lost.
    """
    # A unit of its own: what the recogniser does is no time of this stage's.
    asking = replace(work, deadline_s=work.deadline_s / _CALLS)
    try:
        text = _recognised(asking, pcm, rate_hz, language)
    except (Cancelled, Overloaded):
        raise
    except DragomanError as error:
        telemetry.logger().warning("not verified", unit=work.claim.unit, code=error.code)
        return None
    return min((compared(each, text, language) for each in expected), key=lambda heard: heard.badness)


def compared(said: str, heard: str, language: str) -> Heard:
    """Compare a text with what was heard of it."""
    found = pairs(entities(said, language), entities(heard, language))
    same = [(each.source, each.target) for each in found if each.match and each.source and each.target]
    sources = sorted((each.source for each in found if each.source and not each.match), key=_place)
    targets = sorted((each.target for each in found if each.target and not each.match), key=_place)
    words, others = [source for source, _ in same], [target for _, target in same]
    regrouped = _is_regrouped(sources, targets)
    if regrouped:
        words, others = [*words, *sources], [*others, *targets]
    # One word each for what is proven to be the same; as many on both sides.
    most = len(same) + min(len(sources), len(targets))
    said_words = _WORD.findall(normalised(changed(said, _marks(words, most)), language))
    heard_words = _WORD.findall(normalised(changed(heard, _marks(others, most)), language))
    rate = _distance(said_words, heard_words) / max(1, len(said_words))
    return Heard(round(rate, 4), regrouped or not (sources or targets))


def _place(entity: Entity) -> int:
    return entity.start


def _is_regrouped(said: Sequence[Entity], heard: Sequence[Entity]) -> bool:
    """Say whether digits without partners are the same ones in the same order, only put together otherwise.

    A recogniser writes what it hears as it likes: "482-913", "5.5, 4321". A point counts where it could have
    been said.
    """
    digits = "".join(each.digits for each in said)
    pointed = any("." in each.value for each in said) or (
        any("." in each.value for each in heard) and any(each.kind not in IDENTIFIERS for each in said)
    )
    return digits != "" and not pointed and digits == "".join(each.digits for each in heard)


def _marks(same: Sequence[Entity], most: int) -> list[Reading]:
    """Return readings that put a word in place of each entity, and nothing for those that are too many."""
    return [
        Reading(each.start, each.end, f" {_same(number)} " if number < most else " ")
        for number, each in enumerate(same)
    ]


def _same(number: int) -> str:
    """Return a word of no language, without digits."""
    return "qzq" + str(number).translate(_AS_LETTERS)


def _distance(words: Sequence[str], others: Sequence[str]) -> int:
    """Return how many words must be changed, added or left out to make the one of the other."""
    row = list(range(len(others) + 1))
    for at, word in enumerate(words, 1):
        before, row[0] = row[0], at
        for column, other in enumerate(others, 1):
            changed = before + (word != other)
            before = row[column]
            row[column] = min(changed, before + 1, row[column - 1] + 1)
    return row[-1]


def _recognised(work: Work, pcm: bytes, rate_hz: int, language: str) -> str:
    stub = asr_pb2_grpc.AsrStub(work.channels.to("asr"))
    able: asr_pb2.AsrCapabilities = work.unary(stub.GetCapabilities, common_pb2.CapabilitiesRequest())
    config = asr_pb2.TranscribeConfig(
        context=work.context,
        format=common_pb2.PcmFormat(sample_rate_hertz=rate_hz, channel_count=1),
        language_code=language,
        model=work.model("asr"),
        text_only=True,
    )
    pieces = pieces_of(pcm, rate_hz, able.max_region_ms)
    return " ".join(_transcribed(work, stub, config, piece) for piece in pieces)


def _transcribed(work: Work, stub: asr_pb2_grpc.AsrStub, config: asr_pb2.TranscribeConfig, pcm: bytes) -> str:
    if work.lease.age_s > _LATEST * _CALLS * work.deadline_s:
        raise Timeout("The unit has taken so long that there is no time left to hear it.")
    patience = iter(_PATIENCE_S)
    while True:
        head = asr_pb2.TranscribeRequest(config=config)
        audio = (asr_pb2.TranscribeRequest(audio=chunk) for chunk in chunks(pcm))
        try:
            answer: asr_pb2.TranscribeResponse = work.unary(stub.Transcribe, chain([head], audio))
        except Overloaded:
            if (seconds := next(patience, None)) is None:
                raise
            _wait(work, seconds)
        else:
            return answer.text


def _wait(work: Work, seconds: float) -> None:
    ended = threading.Event()
    with work.lease.ending(ended.set):
        if ended.wait(seconds):
            raise Cancelled("The unit ended while its speech waited to be heard.")


def pieces_of(pcm: bytes, rate_hz: int, longest_ms: int) -> Iterator[bytes]:
    """Yield speech in pieces of at most `longest_ms`, cut in its pauses."""
    most = longest_ms * rate_hz // 1000 * _BYTES_PER_SAMPLE
    while len(pcm) > most:
        end = _quietest(pcm[:most], rate_hz)
        yield pcm[:end]
        pcm = pcm[end:]
    yield pcm


def _quietest(pcm: bytes, rate_hz: int) -> int:
    """Return where the quietest 20 ms of the last seconds are, in bytes."""
    frame = rate_hz // _FRAMES_PER_S * _BYTES_PER_SAMPLE
    frames = min(_CUT_WITHIN_S * _FRAMES_PER_S, len(pcm) // frame - 1)
    starts = (len(pcm) - (number + 1) * frame for number in range(frames))
    return min(starts, key=lambda start: _loudness(pcm[start : start + frame]), default=len(pcm))


def _loudness(pcm: bytes) -> int:
    samples = array("h", pcm)
    if sys.byteorder == "big":
        samples.byteswap()
    return sum(map(abs, samples))
