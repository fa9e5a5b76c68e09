"""One combination of slots and threads, measured: run by `threads` in a process of its own."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

import numpy as np
import psutil

from services.asr.engines import registry as asr
from services.asr.engines.base import SAMPLE_RATE_HZ as HEARD_HZ
from services.asr.engines.base import Task
from services.asr.settings import AsrSettings
from services.shared import surroundings
from services.shared.engines import Reference
from services.tts.engines import registry as tts
from services.tts.engines.base import SAMPLE_RATE_HZ as SPOKEN_HZ
from services.tts.settings import TtsSettings
from tests.support.speech import PROMPTS, prompt

# One piece of work: does it and returns the seconds of audio that it was.
Piece = Callable[[], float]
_CLIPS: Final = 16
_SENTENCES: Final = (
    "Good morning, thank you for calling.",
    "Please enter your phone number, starting with the area code.",
    "Your appointment is on Thursday at half past nine.",
    "One moment, I will connect you with a colleague of mine.",
    "The invoice was sent to you by post last week.",
    "Is there anything else that I can do for you today?",
)


def recognition(slots: int, threads: int) -> list[Piece]:
    """Return regions to be written down, with Whisper loaded."""
    settings = AsrSettings(asr_slots=slots, asr_threads=threads)
    engine = asr.create(Reference("faster-whisper"), settings)
    clips = [(prompt(name) / 32768).astype(np.float32) for name in PROMPTS if name.startswith("en")]

    def piece(number: int) -> float:
        clip = clips[number % len(clips)]
        engine.transcribe(clip, "en", Task.TRANSCRIBE)
        return clip.size / HEARD_HZ

    return [partial(piece, number) for number in range(_CLIPS)]


def speech(slots: int, threads: int) -> list[Piece]:
    """Return sentences to be spoken, with Kokoro loaded."""
    engine = tts.create(Reference("kokoro"), TtsSettings(tts_slots=slots, tts_threads=threads))
    voice = engine.voices[0].name

    def piece(text: str) -> float:
        return engine.synthesize(text, voice, 1.0).size / SPOKEN_HZ

    return [partial(piece, text) for text in _SENTENCES]


def measured(pieces: Sequence[Piece], slots: int) -> dict[str, float]:
    """Do each once, so many at a time, after one that warms up."""
    pieces[0]()
    process, began = psutil.Process(), time.perf_counter()
    before = process.cpu_times()
    with ThreadPoolExecutor(slots) as threads:
        audio_s = sum(threads.map(lambda piece: piece(), pieces))
    after, wall_s = process.cpu_times(), time.perf_counter() - began
    cpu_s = after.user + after.system - before.user - before.system
    return {"audio_s": audio_s, "wall_s": wall_s, "cpu_s": cpu_s}


if __name__ == "__main__":
    surroundings.settle()
    service, slots, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    load = {"asr": recognition, "tts": speech}[service]
    print(json.dumps(measured(load(slots, threads), slots)))
