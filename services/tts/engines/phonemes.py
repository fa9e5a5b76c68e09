"""Text to phonemes by espeak, one text at a time for each language."""

from __future__ import annotations

import logging
import threading
from functools import cache

import espeakng_loader
from phonemizer.backend import EspeakBackend
from phonemizer.backend.espeak.wrapper import EspeakWrapper

_LOCK = threading.Lock()


def phonemes(text: str, language: str) -> str:
    """Return the IPA of a text with stress marks, its punctuation kept.

    Args:
        text: What is to be read.
        language: As espeak calls it, such as "en-us".
    """
    # espeak holds global state.
    with _LOCK:
        return " ".join(_backend(language).phonemize([" ".join(text.split())]))


@cache
def _backend(language: str) -> EspeakBackend:
    EspeakWrapper.set_library(espeakng_loader.get_library_path())
    EspeakWrapper.set_data_path(espeakng_loader.get_data_path())
    # Without remove-flags the "(en)" marks around foreign words would be spoken.
    return EspeakBackend(
        language,
        preserve_punctuation=True,
        with_stress=True,
        language_switch="remove-flags",
        logger=logging.getLogger("phonemizer"),
    )
