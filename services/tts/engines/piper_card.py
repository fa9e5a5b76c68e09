"""What the JSON file beside a Piper voice says of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.shared.errors import Misconfigured
from services.tts.engines.base import Voice


@dataclass(frozen=True, slots=True)
class Card:
    """What a voice's JSON file says of it.

    Attributes:
        name: Of the voice, such as "joe".
        language_code: BCP-47.
        espeak: espeak's name of the language.
        rate_hz: Sampling rate.
        ids: The numbers of each phoneme.
        noise: How much the sound varies, and the durations.
        length: Of a phoneme at rate 1, as a factor.
        speakers: Their numbers by name; empty for a voice of one speaker.
    """

    name: str
    language_code: str
    espeak: str
    rate_hz: int
    ids: Mapping[str, Sequence[int]]
    noise: tuple[float, float]
    length: float
    speakers: Mapping[str, int]

    @classmethod
    def read(cls, path: Path) -> Card:
        """Read a voice's JSON file.

        Raises:
            Misconfigured: it is not there, or no card of such a voice (piper_voice_unusable).
        """
        try:
            card = json.loads(path.read_text(encoding="utf-8"))
            scales, language = card["inference"], card["language"]["code"].replace("_", "-")
            return cls(
                str(card.get("dataset") or path.name.partition(".")[0]),
                language,
                _espeak_language(card),
                int(card["audio"]["sample_rate"]),
                card["phoneme_id_map"],
                (float(scales["noise_scale"]), float(scales["noise_w"])),
                float(scales["length_scale"]),
                card.get("speaker_id_map") or {},
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise unusable(f"{path.name} does not describe a voice whose phonemes are espeak's") from error

    def voices(self) -> tuple[Voice, ...]:
        """Return one voice for each speaker; cards do not tell their gender."""
        names = tuple(self.speakers) or (self.name,)
        return tuple(Voice(name, self.language_code, "", default=name == names[0]) for name in names)


def _espeak_language(card: Mapping[str, Any]) -> str:
    if card.get("phoneme_type", "espeak") != "espeak":
        raise KeyError("phoneme_type")
    return str(card["espeak"]["voice"])


def unusable(reason: str) -> Misconfigured:
    """Return the error for a voice that this engine cannot use."""
    return Misconfigured(f"{reason}; give the folder of a Piper voice.", code="piper_voice_unusable")
