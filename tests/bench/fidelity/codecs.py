"""PESQ, STOI and word error rate of telephone prompts after each codec, by bit rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Final

from services.asr.core import AsrCore, Samples
from services.asr.engines.base import SAMPLE_RATE_HZ as HEARD_HZ
from services.asr.server import build
from services.asr.settings import AsrSettings
from services.codec import server
from services.codec.core import CodecCore
from services.codec.settings import CodecSettings
from services.shared.config import load
from services.shared.errors import InternalError
from services.tts.engines.base import SAMPLE_RATE_HZ as SPOKEN_HZ
from tests.bench import asr_quality
from tests.bench.fidelity import codec_marks as marks
from tests.bench.fidelity.coding import Recorded, Variant, coded, spoken, telephone, unchanged, variants
from tests.bench.fidelity.prompts import ABSENT, LANGUAGES
from tests.bench.fidelity.wording import error_rate, numbers_alike
from tests.bench.report import Curves, Result, Row, spread

_PROMPTS: Final = 6
_UNCODED: Final = "not coded"


@dataclass(slots=True)
class Marks:
    """What is left after one codec at one bit rate; a figure for each recording.

    Attributes:
        narrow: PESQ of telephone prompts.
        wide: PESQ of speech of full band; empty for codecs of the telephone's band.
        intelligible: STOI of telephone prompts.
        said: The prompts that came through.
        heard: What is recognised of them.
        failed: Recordings of which the codec made no file.
    """

    narrow: list[float] = field(default_factory=list)
    wide: list[float] = field(default_factory=list)
    intelligible: list[float] = field(default_factory=list)
    said: list[tuple[str, str]] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    failed: int = 0

    @property
    def error_rate(self) -> float:
        """Word error rate of what came through, in percent."""
        return error_rate(self.said, self.heard, numbers_alike) if self.said else 100.0


def run(share: float) -> Result:
    """Take every recording through every codec and back."""
    if missing := marks.missing():
        reason = (
            f"{', '.join(missing)} not installed: pip install --require-hashes -r requirements/quality.txt"
        )
        return Result("quality_codecs", skipped=reason)
    prompts = [each for language in LANGUAGES for each in telephone(language, _PROMPTS, share)]
    if not prompts:
        return Result("quality_codecs", skipped=ABSENT)
    core: CodecCore = server.spec(load(CodecSettings)).load()
    recogniser = build(load(AsrSettings))
    full_band = [(each, unchanged(core, each, marks.WIDE_HZ)) for each in spoken(share)]
    found = {each: _marks(core, recogniser, each, prompts, full_band) for each in variants(core.codecs)}
    uncoded = [asr_quality.through(recogniser, each.prompt.samples, each.prompt.language) for each in prompts]
    return _result(found, prompts, uncoded)


def _marks(
    core: CodecCore,
    recogniser: AsrCore,
    variant: Variant,
    prompts: Sequence[Recorded],
    full_band: Sequence[tuple[Samples, Samples]],
) -> Marks:
    found = Marks()
    for each in prompts:
        try:
            back = coded(core, variant, each.narrow, marks.NARROW_HZ, marks.NARROW_HZ)
        except InternalError:
            found.failed += 1
            continue
        back = marks.aligned(each.narrow, back, marks.NARROW_HZ)
        found.narrow += _known(marks.pesq(each.narrow, back, marks.NARROW_HZ))
        found.intelligible.append(marks.stoi(each.narrow, back, marks.NARROW_HZ))
        heard = coded(core, variant, each.narrow, marks.NARROW_HZ, HEARD_HZ)
        found.said.append((each.prompt.text, each.prompt.language))
        found.heard.append(asr_quality.through(recogniser, heard, each.prompt.language))
    for speech, reference in full_band if variant.wide else ():
        back = marks.aligned(reference, coded(core, variant, speech, SPOKEN_HZ, marks.WIDE_HZ), marks.WIDE_HZ)
        found.wide += _known(marks.pesq(reference, back, marks.WIDE_HZ))
    return found


def _known(mark: float | None) -> list[float]:
    return [] if mark is None else [mark]


def _result(found: dict[Variant, Marks], prompts: Sequence[Recorded], uncoded: list[str]) -> Result:
    said = [(each.prompt.text, each.prompt.language) for each in prompts]
    rates = {variant: each.error_rate for variant, each in found.items()}
    failed = sum(each.failed for each in found.values())
    plain = error_rate(said, uncoded, numbers_alike)
    rows = [
        Row("files that could not be made", "files", spread([failed]), "<= 0"),
        Row(f"{_UNCODED}: word errors", "%", spread([plain])),
    ]
    for variant, each in found.items():
        rows += [
            Row(f"{variant}: {name}", unit, spread(values))
            for name, unit, values in (
                ("PESQ, narrow band", "MOS", each.narrow),
                ("PESQ, wide band", "MOS", each.wide),
                ("STOI", "0 to 1", each.intelligible),
                ("word errors", "%", [rates[variant]]),
            )
            if values
        ]
    curves = (
        _curves(
            "PESQ of telephone prompts",
            "MOS-LQO",
            {at: fmean(each.narrow) for at, each in found.items() if each.narrow},
        ),
        _curves(
            "PESQ of speech in full band",
            "MOS-LQO",
            {at: fmean(each.wide) for at, each in found.items() if each.wide},
        ),
        _curves(
            "STOI of telephone prompts",
            "0 to 1",
            {at: fmean(each.intelligible) for at, each in found.items()},
        ),
        _curves("Word error rate after the codec", "%", rates, {_UNCODED: plain}),
    )
    details = {
        "prompts": len(prompts),
        "failed": {str(at): each.failed for at, each in found.items() if each.failed},
        "heard": {str(at): each.heard for at, each in found.items()},
    }
    return Result("quality_codecs", tuple(rows), tuple(each for each in curves if each.series), details)


def _curves(
    title: str, unit: str, values: dict[Variant, float], levels: dict[str, float] | None = None
) -> Curves:
    series: dict[str, dict[float, float]] = {}
    for variant, value in values.items():
        series.setdefault(variant.codec, {})[variant.kbps] = value
    return Curves(title, "kbit/s", unit, series, levels or {})
