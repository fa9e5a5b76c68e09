"""Why a person should look at a result: codes, each for one thing, wherever it was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from services.gateway.jobs.policy import ReviewPolicy

# What holds for a language or a voice and not for one text: GET /v1/stages says it before the job, and there
# is nothing that a person could make of each text.
NOTES: Final = frozenset(("pivoted", "last_resort_voice", "cloned_voice"))

HOLE: Final = "hole"
LOW_CONFIDENCE: Final = "low_confidence"
ENTITY_MISMATCH: Final = "entity_mismatch"
ENTITY_UNCERTAIN: Final = "entity_uncertain"
SPEECH_LATE: Final = "speech_late"
SPEECH_MISMATCH: Final = "speech_mismatch"

# All that a result may warn of, as FORMAT.md explains it.
CODES: Final = NOTES | {
    HOLE,
    LOW_CONFIDENCE,
    ENTITY_MISMATCH,
    ENTITY_UNCERTAIN,
    SPEECH_LATE,
    SPEECH_MISMATCH,
    "no_speech",
    "unlikely_speech",
    "repetition",
    "high_compression",
    "uncertain_number",
    "same_language",
    "empty_translation",
    "term_missed",
    "fell_back",
    "nothing_to_speak",
    "slot_overrun",
    "not_verified",
    "translate_failed",
    "synthesize_failed",
    "identical_channels",
    "uncertain_language",
}
Json = Mapping[str, Any]


def of_recognition(confidence: float, policy: ReviewPolicy) -> list[str]:
    """Return what is to be said of a region's recognition beside the recogniser's own warnings."""
    return [LOW_CONFIDENCE] if confidence < policy.min_confidence else []


def of_entities(entities: Iterable[Json], policy: ReviewPolicy) -> list[str]:
    """Return what is to be said of a text's entities; one that was not compared matches nothing and all."""
    found = []
    for entity in entities:
        confidence = entity["confidence"]
        if entity["match"] is False:
            found.append(ENTITY_MISMATCH)
        if confidence is not None and confidence < policy.min_entity_confidence:
            found.append(ENTITY_UNCERTAIN)
    return found


def of_speech(warnings: Iterable[str], speech: Json | None, policy: ReviewPolicy) -> list[str]:
    """Return the warnings of made speech, if any; of what was heard again, the policy says what differs."""
    found, heard = list(warnings), speech and speech["heard"]
    if heard is not None:
        found = [code for code in found if code != SPEECH_MISMATCH]
        if not heard["entities_match"] or heard["word_error_rate"] > policy.max_word_error_rate:
            found.append(SPEECH_MISMATCH)
    if speech and speech.get("delay_ms", 0) > policy.max_delay_ms:
        found.append(SPEECH_LATE)
    return found


def reasons(warnings: Iterable[str], policy: ReviewPolicy) -> list[str]:
    """Return those of some warnings for which a person should look, each once."""
    return [code for code in dict.fromkeys(warnings) if code not in NOTES and code not in policy.ignored]


def counted(parts: Iterable[Iterable[str]]) -> dict[str, int]:
    """Return for each reason of how many parts of a job it is one."""
    return dict(sorted(Counter(code for part in parts for code in part).items()))
