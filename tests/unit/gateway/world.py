"""A gateway without other processes: memory, a folder, and capabilities that are written down."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from services.gateway.jobs import abilities, ports
from services.gateway.jobs.admission import Repeatable
from services.gateway.jobs.finish import Finisher
from services.gateway.jobs.model import Job
from services.gateway.jobs.service import Accepted, JobService, Ports, Sent
from services.gateway.jobs.sources import Upload
from services.gateway.storage.memory import MemoryJobStore
from services.shared import tasks
from services.shared.artifacts.local import LocalArtifacts
from services.shared.errors import InvalidMedia
from services.shared.tasks import Hint

TENANT = "default"
BACKLOG = ports.Backlog(jobs=8, jobs_per_tenant=6)
WAV = b"RIFF....WAVEfmt " + bytes(1000)

CALL_SPEC: dict[str, Any] = {
    "kind": "speech_translation",
    "channels": [
        {"role": "agent", "source_language": "en", "target_language": "pt-BR"},
        {"role": "customer", "source_language": "pt-BR", "target_language": "en"},
    ],
}
TEXT_SPEC: dict[str, Any] = {
    "kind": "text_translation",
    "text": "Room 12",
    "source_language": "en",
    "target_language": "pt-BR",
}


class Abilities:
    """What a small installation can do."""

    def asr(self) -> abilities.AsrCapabilities:
        return abilities.AsrCapabilities(("en", "pt", "fr"), translates_to_english=True)

    def translation(self) -> abilities.TranslationCapabilities:
        return abilities.TranslationCapabilities((abilities.Pair("en", "pt"), abilities.Pair("pt", "en")))

    def tts(self) -> abilities.TtsCapabilities:
        voices = (("alice", "en-US"), ("bob", "en-GB"), ("dora", "pt-BR"))
        return abilities.TtsCapabilities(tuple(abilities.Voice(*each) for each in voices))

    def codec(self) -> abilities.CodecCapabilities:
        codecs = (abilities.Codec("opus", (6, 510), 24), abilities.Codec("flac", None, 0))
        return abilities.CodecCapabilities(codecs, ("wav", "ogg"))


class Several(Abilities):
    """What an installation can do that has several models of each service."""

    def asr(self) -> abilities.AsrCapabilities:
        base = abilities.AsrModel(
            abilities.Model("base", "1", "ab"), ("en", "pt", "fr"), translates_to_english=True
        )
        nippon = abilities.AsrModel(abilities.Model("nippon"), ("ja",), translates_to_english=False)
        return replace(super().asr(), models=(base, nippon))

    def translation(self) -> abilities.TranslationCapabilities:
        pairs = (
            abilities.Pair("en", "pt", ("tiny",)),
            abilities.Pair("pt", "en", ("tiny",)),
            abilities.Pair("pt", "fr", ("tiny", "m2m"), pivot="en"),
            abilities.Pair("en", "fr", ("m2m",)),
        )
        models = (abilities.Model("tiny", "1", "cd"), abilities.Model("m2m", "2", "ef"))
        return abilities.TranslationCapabilities(pairs, models=models)

    def tts(self) -> abilities.TtsCapabilities:
        voices = (
            abilities.Voice("robot-pt", "pt", "male", model="espeak", last_resort=True),
            abilities.Voice("alice", "en-US", "female", default=True, model="kokoro"),
            abilities.Voice("amy", "en-GB", "female", model="kokoro"),
            abilities.Voice("bob", "en-GB", "male", default=True, model="kokoro"),
            abilities.Voice("rosa", "pt-BR", "female", model="kokoro"),
            abilities.Voice("dora", "pt-BR", "female", default=True, model="kokoro"),
            abilities.Voice("robot-en", "en", "", model="espeak", last_resort=True),
        )
        return abilities.TtsCapabilities(
            voices, models=(abilities.Model("kokoro"), abilities.Model("espeak"))
        )

    def codec(self) -> abilities.CodecCapabilities:
        known = super().codec()
        encodec = abilities.Codec(
            "encodec", (1.5, 3, 6, 12, 24), 6, 80, abilities.Model("encodec-24khz", "1", "aa")
        )
        return replace(known, codecs=(*known.codecs, encodec))


class RiffProbe:
    """Takes files that begin like WAV, and whatever is declared."""

    def probe(self, head: bytes, size_bytes: int, raw_format: ports.RawFormat | None) -> str:
        if raw_format is not None:
            return "raw"
        if not head.startswith(b"RIFF"):
            raise InvalidMedia("This is no recording: send WAV.", code="unknown_media")
        return "wav"


@dataclass
class Dispatched:
    """Keeps the hints that were sent."""

    hints: list[Hint] = field(default_factory=list)

    def send(self, hints: Sequence[Hint]) -> None:
        self.hints += hints


class World:
    """The job service and all that it stands on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = MemoryJobStore(BACKLOG)
        self.artifacts = LocalArtifacts(folder)
        self.dispatched = Dispatched()
        self.abilities = Abilities()
        self.jobs = JobService(
            Ports(self.store, self.artifacts, self.dispatched, self.abilities, RiffProbe())
        )
        self.finisher = Finisher(self.store, self.artifacts)

    def submit(self, spec: Mapping[str, Any], file: bytes | None = None) -> Job:
        return self.send(spec, file).job

    def send(
        self, spec: Mapping[str, Any], file: bytes | None = None, *, tenant: str = TENANT, **again: Any
    ) -> Accepted:
        """Submit a job as a tenant, with what Repeatable takes."""
        upload = None if file is None else Upload(io.BytesIO(file), len(file))
        return self.jobs.submit(Sent(tenant, json.dumps(spec), upload, Repeatable(**again)))

    def kept(self) -> list[str]:
        """Return the keys of all artifacts."""
        objects = self.folder / "objects"
        return sorted(str(path.relative_to(objects)) for path in objects.rglob("*") if path.is_file())

    def write(self, job: Job, name: str, document: Any) -> str:
        """Store a document as a worker would; return its key."""
        key = f"{job.prefix}{name}"
        self.artifacts.put(key, json.dumps(document).encode())
        return key

    def done(self, job: Job) -> Job:
        """Finish a job; return it as it stands then."""
        self.finisher.finish(job.id)
        return self.jobs.get(TENANT, job.id)


def region(channel: int, number: int, start_ms: int, end_ms: int) -> tuple[str, dict[str, Any]]:
    """Return the child that asr.segment makes of a region."""
    payload = {
        "channel": channel, "region": number, "start_ms": start_ms, "end_ms": end_ms, "borrow_ms": 500
    }  # fmt: skip
    return f"c{channel}r{number}", payload


def decoded(world: World, job: Job, channels: int = 2) -> None:
    """Complete a call's decoding, with every channel of the spec."""
    declared = CALL_SPEC["channels"]
    children = [(f"c{index}", {"channel": index, **declared[index]}) for index in range(channels)]
    media = {
        "container": "wav", "codec": "pcm_s16le", "channel_count": channels, "duration_ms": 60_000,
        "identical_to": list(range(channels)),
    }  # fmt: skip
    world.store.complete(job.id, (tasks.DECODE, "job"), media, children)


def segmented(world: World, job: Job, channel: int, spans: Sequence[tuple[int, int]]) -> None:
    """Complete a channel's segmentation."""
    language = CALL_SPEC["channels"][channel]["source_language"]
    output = {
        "language": language,
        "language_confidence": 1.0,
        "duration_ms": 60_000,
        "model": {"name": "vad", "revision": "1"},
    }
    children = [region(channel, number, *span) for number, span in enumerate(spans)]
    world.store.complete(job.id, (tasks.SEGMENT, f"c{channel}"), output, children)


def transcribed(world: World, job: Job, index: str, text: str, confidence: float = 0.9) -> None:
    """Complete a region's recognition."""
    document = {
        "text": text, "language": "en", "confidence": confidence, "words": [], "warnings": [],
        "model": {"name": "whisper", "revision": "abc"},
    }  # fmt: skip
    key = world.write(job, f"{index}/transcript.json", document)
    world.store.complete(job.id, (tasks.TRANSCRIBE, index), {"transcript": key, "empty": not text})


def translated(world: World, job: Job, index: str, text: str) -> None:
    """Complete a region's translation."""
    document = {"text": text, "warnings": [], "model": {"name": "firefox", "revision": "def"}}
    key = world.write(job, f"{index}/translation.json", document)
    world.store.complete(job.id, (tasks.TRANSLATE, index), {"translation": key, "empty": not text})


def spoken(world: World, job: Job, index: str, duration_ms: int = 900) -> None:
    """Complete a region's speech."""
    output = {
        "audio": f"{job.prefix}{index}/speech.wav", "voice": "dora", "slot_ms": 1000,
        "duration_ms": duration_ms, "stretch": 1.0, "sample_rate_hertz": 24_000,
        "model": {"name": "kokoro", "revision": "ghi"}, "warnings": [],
    }  # fmt: skip
    world.store.complete(job.id, (tasks.SYNTHESIZE, index), output)


def encoded(world: World, job: Job, placements: Mapping[str, Any] | None = None) -> None:
    """Complete a job's assembly, with one file."""
    name = "speech.mixed.ogg"
    key = f"{job.prefix}codec.encode/job.1/{name}"
    size_bytes = world.artifacts.put(key, b"OggS").size_bytes
    file = {"name": name, "key": key, "media_type": "audio/ogg", "size_bytes": size_bytes}
    output = {"files": [file], "placements": dict(placements or {})}
    world.store.complete(job.id, (tasks.ENCODE, "job"), output)


def one_turn_each(world: World) -> Job:
    """Run a call in which each side speaks once, up to the assembly."""
    job = world.submit(CALL_SPEC, WAV)
    decoded(world, job)
    segmented(world, job, 0, [(1000, 2000)])
    segmented(world, job, 1, [(3000, 4000)])
    for index, source, target in (
        ("c0r0", "Room 12 please.", "Quarto 12, por favor."),
        ("c1r0", "Sim.", "Yes."),
    ):
        transcribed(world, job, index, source)
        translated(world, job, index, target)
        spoken(world, job, index)
    return job
