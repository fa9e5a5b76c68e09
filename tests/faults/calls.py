"""The recorded calls that are translated while faults happen, and the results that none may change."""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np

from tests.faults.client import Client
from tests.support.recordings import voice, wav

_RATE_HZ: Final = 8_000
# Of the result document only this names the job; everything else must be the same each time.
_OF_THE_JOB: Final = ("job",)

SPEC: Final[dict[str, Any]] = {
    "kind": "speech_translation",
    "channels": [
        {"role": "agent", "source_language": "en", "target_language": "pt-BR"},
        {"role": "customer", "source_language": "pt-BR", "target_language": "en"},
    ],
    "outputs": ["transcript", "subtitles", "audio"],
    "audio": {"codec": "wav", "layout": "per_channel"},
}
STAGES: Final = (
    "codec.decode",
    "asr.segment",
    "asr.transcribe",
    "translation.translate",
    "tts.synthesize",
    "codec.encode",
)

Results = dict[str, bytes]


def call(*turns_s: float) -> bytes:
    """Return a stereo recording: the two sides speak in turns of these lengths, with pauses between."""
    pause = np.zeros(_RATE_HZ, np.int16)
    sides: list[list[Any]] = [[pause], [pause]]
    for number, seconds in enumerate(turns_s):
        speech = voice(seconds, _RATE_HZ, 700)
        sides[number % 2] += [speech, pause]
        sides[1 - number % 2] += [np.zeros_like(speech), pause]
    return wav(np.stack([np.concatenate(side) for side in sides], axis=1), _RATE_HZ)


CALL: Final = call(1.3, 0.9, 2.1, 1.7, 0.5, 1.1)


def results(client: Client, job: str) -> Results:
    """Return all that a job's owner can fetch, without the job's own id."""
    files = {file["name"]: client.file(job, file["name"]) for file in client.job(job)["files"]}
    document = json.loads(files["result.json"])
    for name in _OF_THE_JOB:
        del document[name]
    return files | {"result.json": json.dumps(document).encode()}


def different(first: Results, second: Results) -> list[str]:
    """Return the names of what differs."""
    return sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))
