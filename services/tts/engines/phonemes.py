"""Text to phonemes by espeak, one text at a time for each language."""

from __future__ import annotations

import logging
import re
import threading
from functools import cache
from typing import Final

import espeakng_loader
from phonemizer.backend import EspeakBackend
from phonemizer.backend.espeak.wrapper import EspeakWrapper

_LOCK = threading.Lock()
# What espeak says in one go when it reads figures, and as two numbers when it reads words: tens and ones, and
# in Portuguese hundreds too.
_SPANISH_ONES: Final = "un[oa]?|dos|tres|cuatro|cinco|seis|siete|ocho|nueve"
_ONES: Final = "um|uma|dois|duas|três|quatro|cinco|seis|sete|oito|nove"
_JOINED: Final = (
    (rf"(treinta|(?:cuar|cincu|ses|set|och|nov)enta) y ({_SPANISH_ONES})", r"\1-y-\2"),
    (rf"(vinte|trinta|(?:quar|cinqu|sess|set|oit|nov)enta) e ({_ONES})", r"\1-e-\2"),
    (rf"(cento|\w+[czh]ent[oa]s) e ({_ONES}|\w+ze|dez\w*|vinte|trinta|\w+enta)", r"\1-e \2"),
)
# espeak takes "um" for an article and does not stress it, so that among digits it was not heard; "hum", as
# it was once spelled, it does.
_DIGITS: Final = f"zero|hum|{_ONES}"
_PORTUGUESE: Final = (
    (rf"(?<!-)[Uu]m(?=,? (?:{_DIGITS})\b)", "hum"),
    (rf"({_DIGITS})(,?) um", r"\1\2 hum"),
)


def phonemes(text: str, language: str) -> str:
    """Return the IPA of a text with stress marks, its punctuation kept.

    Args:
        text: What is to be read.
        language: As espeak calls it, such as "en-us".
    """
    # espeak holds global state.
    with _LOCK:
        return " ".join(_backend(language).phonemize([_respelled(" ".join(text.split()), language)]))


def _respelled(text: str, language: str) -> str:
    for words, by in _JOINED + (_PORTUGUESE if language.startswith("pt") else ()):
        text = re.sub(rf"\b{words}\b", by, text)
    return text


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
