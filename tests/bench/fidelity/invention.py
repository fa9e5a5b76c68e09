"""Words that are recognised where nobody speaks, in ten minutes: by the core, and by the library."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.asr.core import AsrCore, Samples
from services.asr.engines.base import SAMPLE_RATE_HZ
from services.asr.server import build
from services.asr.settings import AsrSettings
from services.shared.config import load
from tests.bench import asr_quality
from tests.bench.fidelity.no_speech import MUSIC, SECONDS, pieces
from tests.bench.report import Bars, Result, Row, spread

_LANGUAGE: Final = "en"


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard in a recording without speech.

    Attributes:
        kind: Of the recording.
        name: Of the recording.
        ours: Text of the core.
        theirs: Text of the library.
        found: Seconds by the kind of sound that the core says it is.
        seconds: Its length.
    """

    kind: str
    name: str
    ours: str
    theirs: str
    found: dict[str, float]
    seconds: float

    def shown(self) -> dict[str, Any]:
        """Return it for the JSON file."""
        return {"recording": self.name, "core": self.ours, "library": self.theirs, "sounds": self.found}


def run(share: float) -> Result:
    """Let both listen to everything."""
    settings = load(AsrSettings)
    core = build(settings)
    library = asr_quality.library(settings)
    heard = [
        Heard(
            kind,
            name,
            asr_quality.through(core, samples, _LANGUAGE),
            library(samples, _LANGUAGE),
            _found(core, samples),
            len(samples) / SAMPLE_RATE_HZ,
        )
        for kind, seconds in SECONDS.items()
        for name, samples in pieces(kind, seconds * share)
    ]
    return _result(heard)


def _found(core: AsrCore, samples: Samples) -> dict[str, float]:
    seconds: dict[str, float] = defaultdict(float)
    for sound in core.segment(samples, _LANGUAGE, lambda: False).sounds:
        seconds[str(sound.kind)] += (sound.region.end_ms - sound.region.start_ms) / 1000
    return dict(seconds)


def _result(heard: Sequence[Heard]) -> Result:
    rows = []
    bars: dict[str, float] = {}
    for way, text_of in (("core", "ours"), ("library", "theirs")):
        words = {
            kind: sum(_words(getattr(each, text_of)) for each in heard if each.kind == kind)
            for kind in SECONDS
        }
        target = "<= 0" if way == "core" else ""
        rows.append(Row(f"words invented by the {way}", "words", spread([sum(words.values())]), target))
        rows += [Row(f"words in {kind}: {way}", "words", spread([count])) for kind, count in words.items()]
        bars |= {f"{kind}: {way}": float(count) for kind, count in words.items()}
    for kind in SECONDS:
        of_it = [each for each in heard if each.kind == kind]
        told = sum(sum(each.found.values()) for each in of_it) / sum(each.seconds for each in of_it)
        rows.append(Row(f"{kind}: said to be some sound", "%", spread([100 * told])))
    return Result(
        "quality_invention",
        tuple(rows),
        (Bars("Words recognised where nobody speaks", "words", bars),),
        {
            "seconds": sum(each.seconds for each in heard),
            "music": "recorded" if MUSIC.is_dir() else "synthetic",
            "heard": {kind: [each.shown() for each in heard if each.kind == kind] for kind in SECONDS},
        },
    )


def _words(text: str) -> int:
    return len(text.split())
