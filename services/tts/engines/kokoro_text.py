"""What Kokoro is given for a text: espeak's phonemes, and misaki's for Japanese and Chinese."""

from __future__ import annotations

import importlib.util
import logging
import re
import tempfile
import threading
from collections.abc import Callable
from functools import cache
from typing import Final

from services.tts.engines.phonemes import phonemes

# What each of misaki's languages needs, with the dictionaries inside: nothing is loaded from elsewhere.
_NEEDED: Final = {
    "ja": ("misaki", "fugashi", "unidic_lite", "jaconv", "mojimoji"),
    "zh": ("misaki", "jieba", "pypinyin", "cn2an", "ordered_set"),
}
_LATIN: Final = re.compile(r"([A-Za-z](?:[A-Za-z' -]*[A-Za-z])?)")
# Their analysers hold state.
_LOCK = threading.Lock()


def has_reader(language: str) -> bool:
    """Say whether the packages that read a language are installed."""
    return all(importlib.util.find_spec(name) is not None for name in _NEEDED.get(language, ()))


def read(text: str, language: str) -> str:
    """Return the phonemes of a text.

    Args:
        text: What is to be read.
        language: "ja", "zh", or what espeak calls it.
    """
    if language not in _NEEDED:
        return phonemes(text, language)
    parts = (part.strip() for part in _LATIN.split(text))
    return " ".join(_english(part) if _LATIN.fullmatch(part) else _own(part, language) for part in parts)


def _english(part: str) -> str:
    return phonemes(part, "en-us")


def _own(part: str, language: str) -> str:
    if not part:
        return ""
    with _LOCK:
        return _reader(language)(part)


def prepare(language: str) -> None:
    """Load the dictionaries of a language, which takes a second or two, before somebody waits for them."""
    if language in _NEEDED:
        with _LOCK:
            _reader(language)


@cache
def _reader(language: str) -> Callable[[str], str]:
    return _japanese() if language == "ja" else _chinese()


def _japanese() -> Callable[[str], str]:
    # Not misaki.ja, which imports a second analyser that is not needed here.
    from misaki.cutlet import Cutlet  # noqa: PLC0415 - an optional package

    reader = Cutlet()
    return lambda text: str(reader(text)[0])


def _chinese() -> Callable[[str], str]:
    import jieba  # noqa: PLC0415 - an optional package
    from misaki.zh import ZHG2P  # noqa: PLC0415 - an optional package

    jieba.setLogLevel(logging.WARNING)
    # Else it would keep its dictionary in the machine's common folder, and trust what lies there.
    with tempfile.TemporaryDirectory() as folder:
        jieba.dt.tmp_dir = folder
        jieba.initialize()
    reader = ZHG2P()
    return lambda text: str(reader(text)[0])
