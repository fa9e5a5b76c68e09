"""What a person should check: numbers that changed on the way, weak recognition, warnings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

# Whisper's mean token probability on clean telephone speech lies well above; below, words are guesses.
MIN_CONFIDENCE: Final = 0.5

# People leave some 200 ms between turns (Stivers et al., PNAS 2009): speech that begins clearly later
# than the original is still heard when the answer to it begins.
MAX_DELAY_MS: Final = 300

# What holds for a language or a voice and not for one text: GET /v1/stages says it before the job, and there
# is nothing that a person could make of each text.
NOTES: Final = frozenset(("pivoted", "last_resort_voice", "cloned_voice"))

# Digits, and what languages put between them: 1,234.5 and 1.234,5 and 1 234,5 and 1'234 and 415-515-8158.
# Colon and slash separate two numbers (10:30, 05/06), as "h" does in 10h30.
_NUMBER: Final = re.compile(r"\d+(?:[.,'\u2019\u00a0\u202f -]\d+)*")


def digit_strings(text: str) -> list[str]:
    """Return the numbers of a text as plain digit strings: "R$ 1.234,50" gives ["123450"].

    Digits of every script count. Numbers spoken as words are not seen.
    """
    return [
        "".join(str(int(character)) for character in number if character.isdecimal())
        for number in _NUMBER.findall(text)
    ]


def number_entities(source: str, target: str) -> list[dict[str, Any]]:
    """Pair the numbers of a text with those of its translation, wherever word order put them.

    Returns:
        {kind: "number", source, target, match} for each; source or target is None where it has no partner.
    """
    wanted, found = digit_strings(source), digit_strings(target)
    common = Counter(wanted) & Counter(found)
    left = Counter(found) - common
    strangers = [number for number in found if left[number] > 0 and not left.subtract([number])]
    entities = []
    for number in wanted:
        if common[number] > 0:
            common[number] -= 1
            entities.append(_entity(number, number))
        else:
            entities.append(_entity(number, strangers.pop(0) if strangers else None))
    return entities + [_entity(None, number) for number in strangers]


def _entity(source: str | None, target: str | None) -> dict[str, Any]:
    return {"kind": "number", "source": source, "target": target, "match": source == target}


def needs_review(
    entities: Iterable[Mapping[str, Any]], warnings: Sequence[str], confidence: float | None = None
) -> bool:
    """Say whether a person should look at a text; of the warnings, NOTES are no reason."""
    weak = confidence is not None and confidence < MIN_CONFIDENCE
    return weak or not NOTES.issuperset(warnings) or not all(entity["match"] for entity in entities)
