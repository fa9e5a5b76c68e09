"""`quality: verify`: speech is heard again, spoken once more where that went wrong, then flagged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from services.shared.glossary import Pronunciation
from services.shared.stage import Work
from services.tts.hearing import Heard, hear
from services.tts.spoken.changes import changed, pronounced

MISMATCH: Final = "speech_mismatch"
NOT_VERIFIED: Final = "not_verified"
# Where the job keeps no policy of its tenant's. Recognition errs in speech that is right, too: in names and
# rare words, mostly.
_MOST_WORD_ERRORS: Final = 0.25


class Audible(Protocol):
    """Speech that can be heard."""

    @property
    def pcm(self) -> bytes:
        """Mono, 16 bits."""

    @property
    def rate_hz(self) -> int:
        """Of the samples."""


S = TypeVar("S", bound=Audible)


@dataclass(frozen=True, slots=True)
class Verified(Generic[S]):
    """The better of what was spoken, and what was heard of it.

    Attributes:
        speech: To keep.
        heard: None when nobody listened.
        most_word_errors: Word error rate up to which it is good.
        passes: Times that the text was spoken.
    """

    speech: S
    heard: Heard | None
    most_word_errors: float
    passes: int = 1

    @property
    def warnings(self) -> list[str]:
        """Stable codes: speech_mismatch, not_verified."""
        if self.heard is None:
            return [NOT_VERIFIED]
        return [] if self.heard.is_good(self.most_word_errors) else [MISMATCH]

    @property
    def document(self) -> Mapping[str, Any] | None:
        """What of it is kept with the unit: how well it was heard, not what."""
        if self.heard is None:
            return None
        return {
            "word_error_rate": self.heard.word_error_rate,
            "entities_match": self.heard.entities_match,
            "passes": self.passes,
        }


def wanted(work: Work) -> bool:
    """Say whether the job asks for it."""
    return work.claim.spec.get("quality") == "verify"


def verified(
    work: Work,
    line: tuple[str, str],
    pronunciations: tuple[Pronunciation, ...],
    speech: S,
    again: Callable[[], S],
) -> Verified[S]:
    """Hear what was spoken; where it is not what was to be said, hear a second try, and keep the better.

    There is no second try where the first has taken so long that the unit could be overdue.

    Args:
        work: The unit.
        line: What was to be said, and its language (BCP-47).
        pronunciations: Of the language; what is read so may be heard so.
        speech: The first try.
        again: Speaks the text once more, in another way.

    Raises:
        Overloaded: the recogniser is too busy, and stayed so.
        Cancelled: the job was cancelled, or the lease lost.
        DragomanError: what `again` raises.
    """
    text, language = line
    expected = tuple(dict.fromkeys((text, changed(text, pronounced(text, pronunciations)))))
    heard = hear(work, speech.pcm, speech.rate_hz, expected, language)
    most = _most_word_errors(work)
    if heard is None or heard.is_good(most) or not work.may_call_again:
        return Verified(speech, heard, most)
    other = again()
    heard_again = hear(work, other.pcm, other.rate_hz, expected, language) if other.pcm else None
    if heard_again is None or heard.badness <= heard_again.badness:
        return Verified(speech, heard, most, passes=2)
    return Verified(other, heard_again, most, passes=2)


def _most_word_errors(work: Work) -> float:
    policy = work.claim.spec.get("review") or {}
    return float(policy.get("max_word_error_rate", _MOST_WORD_ERRORS))
