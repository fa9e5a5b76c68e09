"""Speech that must end in time: what silence it may borrow, and a shorter text where that is too little."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Final, Protocol, TypeVar

from protos.v1 import translation_pb2, translation_pb2_grpc
from services.shared import telemetry
from services.shared.errors import Cancelled, DragomanError
from services.shared.glossary import Term, glossary_of, uses
from services.shared.stage import Work
from services.shared.tasks import DECODE, TRANSCRIBE, TRANSLATE
from services.shared.turns import answered_from_ms, begins_ms, first_since, region

# The server leaves speech alone that is over its slot by no more than this.
_TOLERANCE: Final = 0.1
# A shorter text is not worth a long wait: without it the speech is longer, and that is all.
_SHORTENING_S: Final = 30.0


class _Spoken(Protocol):
    @property
    def duration_ms(self) -> int: ...


S = TypeVar("S", bound=_Spoken)


def room_ms(work: Work) -> tuple[int, int]:
    """Return a region's slot, and how much of the silence after it its speech may borrow.

    The slot is the region, and the silence that of its own channel. Unless the job allows overlap, both end
    where somebody answers on another channel. A reply may begin within the padding of the region: if speech
    took all of that, each turn of a quick dialogue would begin later than the one before it.
    """
    payload = work.claim.payload
    start_ms, end_ms = payload["start_ms"], payload["end_ms"]
    until_ms = [end_ms + payload["borrow_ms"]]
    if not work.claim.spec.get("allow_overlap"):
        until_ms += _replies_ms(work)
    over_ms: int = min(until_ms) - end_ms
    # Of a short region that is answered at once, no voice could fill what would be left.
    slot_ms = end_ms - start_ms
    return max(slot_ms + min(0, over_ms), slot_ms // 2), max(0, over_ms)


def fitted(work: Work, text: str, room: tuple[int, int], speak: Callable[[str], S]) -> tuple[str, S]:
    """Speak a translation, or a shorter one where that is too long for slot and silence together.

    Args:
        work: The unit of a region.
        text: Its translation.
        room: Its slot, and the silence that it may borrow, in ms; a slot of 0 is no limit.
        speak: Speaks a text into the slot, as fast as it may.

    Returns:
        What was spoken, and the speech.

    Raises:
        DragomanError: what `speak` raises for the translation.
        Cancelled: the job was cancelled, or the lease lost.
    """
    spoken = speak(text)
    slot_ms, borrow_ms = room
    most_ms = max(int(slot_ms * (1 + _TOLERANCE)), slot_ms + borrow_ms)
    if not slot_ms or spoken.duration_ms <= most_ms or not work.may_call_again:
        return text, spoken
    try:
        shorter = _shorter(work, text, max(1, len(text) * most_ms // spoken.duration_ms))
        again = speak(shorter) if shorter else spoken
    except Cancelled:
        raise
    except DragomanError as error:
        telemetry.logger().warning("not shortened", unit=work.claim.unit, code=error.code)
        return text, spoken
    return (shorter, again) if 0 < again.duration_ms < spoken.duration_ms else (text, spoken)


def _replies_ms(work: Work) -> Iterator[int]:
    """Yield, of each other channel, when its first answer begins, NEVER_MS where there is none."""
    payload, job = work.claim.payload, work.claim.job
    since_ms = answered_from_ms(payload["start_ms"], payload["end_ms"])
    decoded = work.ledger.unit(f"{job}:{DECODE}:job")
    if decoded is None or decoded.output is None:  # erased meanwhile
        return
    # Of channels with the same audio only the first has regions.
    for channel in {*decoded.output["identical_to"]} - {payload["channel"]}:
        number = first_since(work.ledger, job, channel, since_ms)
        yield begins_ms(region(work.ledger, job, channel, number))


def _shorter(work: Work, text: str, most_characters: int) -> str:
    """Return a shorter translation of what was said, or nothing where there is none that is as good."""
    claim = work.claim
    key = claim.inputs.get(TRANSCRIBE, {}).get("transcript")
    heard = json.loads(work.artifacts.get(key)) if key else {}
    translated = json.loads(work.artifacts.get(claim.inputs[TRANSLATE]["translation"]))
    # What recognition translated itself, or what was said in the target language, no translation shortens.
    known = set(translated.get("warnings", ()))
    if not heard.get("text") or heard.get("translation") or "same_language" in known:
        return ""
    source, target = claim.payload["source_language"], claim.payload["target_language"]
    terms = glossary_of(claim.spec, work.artifacts).terms(source, target)
    found = _translated(work, heard["text"], most_characters, terms)
    worse = set(found.warnings) - known
    shorter = found.text.strip()
    missed = _missed(heard["text"], shorter, terms) - _missed(heard["text"], text, terms)
    return "" if worse or missed or len(shorter) >= len(text) else shorter


def _translated(
    work: Work, text: str, most_characters: int, terms: Sequence[Term]
) -> translation_pb2.TranslatedText:
    # A unit of its own: it ends sooner, and does not count for how long speech holds slots.
    asking = replace(work, deadline_s=min(work.deadline_s, _SHORTENING_S))
    request = translation_pb2.TranslateRequest(
        context=work.context,
        model=work.model("translation"),
        source_language=work.claim.payload["source_language"],
        target_language=work.claim.payload["target_language"],
        texts=[text],
        terms=[translation_pb2.Term(**asdict(each)) for each in terms],
        max_characters=most_characters,
    )
    stub = translation_pb2_grpc.TranslationStub(work.channels.to("translation"))
    (found,) = asking.unary(stub.Translate, request).translations
    answer: translation_pb2.TranslatedText = found
    return answer


def _missed(text: str, translation: str, terms: Sequence[Term]) -> set[Term]:
    return {use.term for use in uses(text, translation, terms) if not use.hit}
