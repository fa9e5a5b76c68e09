"""Telephone prompts with what is said in them: Debian's packages of Asterisk's sounds, and ../shared/data."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.asr.core import Samples
from tests.bench import asr_quality
from tests.bench.fidelity.sampling import sampled

LANGUAGES: Final = ("en", "es", "fr", "it")
_SOUNDS: Final = Path("/usr/share/asterisk/sounds")
_TRANSCRIPTS: Final = "/usr/share/doc/asterisk-core-sounds-{0}/core-sounds-{0}.txt.gz"
_LINE: Final = re.compile(r"(?P<name>[\w/.-]+): (?P<text>.*)")
# Lone words, and texts that are not, or not only, what is said.
_FOLDERS: Final = {"digits", "letters", "phonetic"}
_DESCRIPTION: Final = re.compile(r"[\[\]()<>]")
_FEWEST_WORDS: Final = 4
ABSENT: Final = (
    f"no telephone recordings: neither Debian's asterisk-core-sounds-{{en,es,fr,it}}-wav in {_SOUNDS} "
    f"nor {asr_quality.PROMPTS}"
)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A recording, its language, and what is said in it."""

    file: Path
    language: str
    text: str

    @property
    def samples(self) -> Samples:
        """The recording at the rate of recognition."""
        return asr_quality.samples_of(self.file)


def prompts(language: str, most: int, share: float) -> list[Prompt]:
    """Return part of a language's prompts: all with figures in their texts come before the others.

    Args:
        language: One of LANGUAGES.
        most: Of a full run.
        share: See `sampled`.
    """
    every = {each.file.stem: each for each in (*_stored(language), *_installed(language))}.values()
    usable = [each for each in every if _usable(each.text)]
    with_numbers = [each for each in usable if re.search(r"\d", each.text)]
    others = [each for each in usable if each not in with_numbers]
    chosen = sampled(with_numbers, share, most)
    return chosen + sampled(others, share, max(most - len(with_numbers), 0))


def _usable(text: str) -> bool:
    return len(text.split()) >= _FEWEST_WORDS and not _DESCRIPTION.search(text)


def _installed(language: str) -> Iterator[Prompt]:
    table = Path(_TRANSCRIPTS.format(language))
    if not table.is_file():
        return
    for line in gzip.decompress(table.read_bytes()).decode("utf-8-sig").splitlines():
        found = _LINE.fullmatch(line)
        file = _SOUNDS / language / f"{found['name']}.wav" if found else None
        if found and file and file.is_file() and found["name"].partition("/")[0] not in _FOLDERS:
            yield Prompt(file, language, found["text"])


def _stored(language: str) -> Iterator[Prompt]:
    table = asr_quality.PROMPTS / f"{language}.tsv"
    if table.is_file():
        for line in table.read_text(encoding="utf-8").splitlines():
            file, _, text = line.partition("\t")
            yield Prompt(asr_quality.PROMPTS / file, language, text)
