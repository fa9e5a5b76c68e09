"""The same engines without the service: one process that works through a call step by step.

`python -m tests.bench.baseline` loads the models, prints "ready", then answers every line of paths on
its standard input with one line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from dragoman.specs import ChannelSpec
from services.asr import server as asr
from services.asr.engines.base import SAMPLE_RATE_HZ as HEARD_HZ
from services.asr.engines.base import Task
from services.asr.settings import AsrSettings
from services.codec import server as codec
from services.codec.media import Clip, DecodeRequest, EncodeRequest
from services.codec.settings import CodecSettings
from services.shared.config import load
from services.translation import server as translation
from services.translation.core import Task as Translating
from services.translation.settings import TranslationSettings
from services.tts import server as tts
from services.tts.engines.base import SAMPLE_RATE_HZ as SPOKEN_HZ
from services.tts.request import SpeechRequest
from services.tts.settings import TtsSettings
from tests.bench.call import BITRATE_KBPS, CHANNELS, CODEC, Outcome


class Baseline:
    """The four cores with the models and the threads that the servers would use."""

    def __init__(self) -> None:
        # The servers' own specs say how a core is made.
        self._asr = asr.spec(load(AsrSettings)).load()
        self._translation = translation.spec(load(TranslationSettings)).load()
        self._tts = tts.spec(load(TtsSettings)).load()
        self._codec = codec.spec(load(CodecSettings)).load()

    def translate(self, recording: Path) -> list[str]:
        """Take a call through every stage; return what was recognised."""
        texts: list[str] = []
        decoded = DecodeRequest(sample_rate_hz=HEARD_HZ)
        with recording.open("rb") as file, self._codec.decode(file, decoded, _never) as media:
            for number, stream in enumerate(media.media.channels):
                samples = np.frombuffer(stream.read(), np.int16)
                clips = list(self._regions(samples, CHANNELS[number], texts))
                self._encode(clips, media.duration_ms)
        return texts

    def _regions(self, samples: NDArray[np.int16], channel: ChannelSpec, texts: list[str]) -> Iterator[Clip]:
        source, target = channel["source_language"], channel["target_language"]
        for region in self._asr.segment(samples, source, _never).regions:
            heard = samples[region.start_ms * HEARD_HZ // 1000 : region.end_ms * HEARD_HZ // 1000]
            text = self._asr.transcribe(heard, source, Task.TRANSCRIBE, _never).text
            texts.append(text)
            translated = (
                self._translation.translate(Translating([text], source, target), _never).texts[0].text
            )
            slot_ms = region.end_ms - region.start_ms
            speech = self._tts.synthesize(SpeechRequest(translated, target, slot_ms=slot_ms))
            yield Clip(0, region.start_ms, SPOKEN_HZ, (speech.audio * 32767).astype(np.int16))

    def _encode(self, clips: list[Clip], duration_ms: int) -> None:
        request = EncodeRequest(CODEC, BITRATE_KBPS, duration_ms=duration_ms, level=True)
        with closing(self._codec.encode(clips, request, _never).file) as file:
            file.read()


def _never() -> bool:
    return False


def _cpu_s() -> float:
    times = psutil.Process().cpu_times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    """Answer until the standard input ends."""
    baseline = Baseline()
    print("ready", flush=True)
    for line in sys.stdin:
        began, cpu_s = time.perf_counter(), _cpu_s()
        texts = [baseline.translate(Path(path)) for path in json.loads(line)]
        outcome = Outcome(time.perf_counter() - began, _cpu_s() - cpu_s, texts)
        print(json.dumps(asdict(outcome)), flush=True)


if __name__ == "__main__":
    main()
