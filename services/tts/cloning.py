"""Voices made from people's recordings: offered only with a recorded consent to that very recording."""

from __future__ import annotations

import hashlib
import re
import tomllib
import wave
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.shared.errors import DragomanError, Misconfigured

SAMPLE: Final = "sample.wav"
RECORD: Final = "voice.toml"
# Less says too little about a voice; more than the models listen to only costs memory.
MIN_SAMPLE_S: Final = 2.0
MAX_SAMPLE_S: Final = 300.0

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_GENDERS: Final = ("", "female", "male")
_CONSENT: Final = ("person", "date", "statement", "recorded_by", "sample_sha256")
_FULL_SCALE: Final = 32768.0


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person agreed to.

    Attributes:
        person: Who speaks in the sample.
        date: Of the agreement; today or before.
        statement: What was agreed to, in words.
        recorded_by: Who wrote this down.
        sample_sha256: Of the recording that it is about.
    """

    person: str
    date: date
    statement: str
    recorded_by: str
    sample_sha256: str


@dataclass(frozen=True, slots=True)
class ClonedVoice:
    """A voice that may be offered.

    Attributes:
        name: As clients write it.
        languages: BCP-47 codes that the person agreed to be heard in.
        gender: "female" or "male"; empty when it is not told.
        consent: The record.
        samples: The recording, float32 mono in [-1, 1].
        sample_rate_hz: Of the recording.
    """

    name: str
    languages: tuple[str, ...]
    gender: str
    consent: Consent
    samples: NDArray[np.float32]
    sample_rate_hz: int


def read_voices(folder: Path | None) -> tuple[tuple[ClonedVoice, ...], dict[str, DragomanError]]:
    """Read a folder of voices, each a folder with a sample.wav and a voice.toml.

    Args:
        folder: DRAGOMAN_TTS_VOICES_DIR, or nothing.

    Returns:
        The voices that may be offered, and why each of the other folders was refused.

    Raises:
        Misconfigured: voices_dir_missing.
    """
    if folder is None:
        return (), {}
    if not folder.is_dir():
        raise Misconfigured(
            f"DRAGOMAN_TTS_VOICES_DIR is {folder}, which is no folder.", code="voices_dir_missing"
        )
    voices, refused = dict[str, ClonedVoice](), dict[str, DragomanError]()
    for each in sorted(path for path in folder.iterdir() if path.is_dir()):
        try:
            voice = read_voice(each)
            if voices.setdefault(voice.name, voice) is not voice:
                raise _invalid(each, "another folder has a voice of its name")
        except Misconfigured as error:
            refused[each.name] = error
    return tuple(voices.values()), refused


def read_voice(folder: Path) -> ClonedVoice:
    """Read a voice.

    Raises:
        Misconfigured: voice_invalid, consent_missing, consent_mismatch or sample_unusable.
    """
    record = _record(folder)
    consent = _consent(folder, record.get("consent"))
    if hashlib.sha256(_bytes(folder)).hexdigest() != consent.sample_sha256.lower():
        raise Misconfigured(
            f"The consent in {folder / RECORD} is for another recording: sample_sha256 is not that of "
            f"{SAMPLE}. Ask the person again.",
            code="consent_mismatch",
        )
    name, languages, gender = _described(folder, record)
    samples, rate_hz = _samples(folder)
    return ClonedVoice(name, languages, gender, consent, samples, rate_hz)


def _record(folder: Path) -> dict[str, Any]:
    try:
        return tomllib.loads((folder / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _no_consent(folder, f"there is no {RECORD}") from None
    except (OSError, ValueError) as error:
        raise _invalid(folder, f"{RECORD} cannot be read ({type(error).__name__})") from error


def _consent(folder: Path, table: Any) -> Consent:
    if not isinstance(table, dict):
        raise _no_consent(folder, "there is no table [consent]")
    said = {key: str(table.get(key, "")).strip() for key in _CONSENT}
    if empty := [key for key, value in said.items() if not value]:
        raise _no_consent(folder, f"[consent] lacks {', '.join(empty)}")
    try:
        day = date.fromisoformat(said.pop("date"))
    except ValueError:
        raise _no_consent(folder, "its date is not written like 2025-01-31") from None
    if day > date.today():  # noqa: DTZ011 - the day on the operator's calendar
        raise _no_consent(folder, "its date is yet to come")
    return Consent(date=day, **said)


def _described(folder: Path, record: dict[str, Any]) -> tuple[str, tuple[str, ...], str]:
    name, gender = str(record.get("name", "")), str(record.get("gender", ""))
    languages = record.get("languages", record.get("language", []))
    languages = tuple(map(str, [languages] if isinstance(languages, str) else languages))
    if not _NAME.fullmatch(name):
        raise _invalid(folder, "name must be of letters, digits, dots, dashes and underscores")
    if not languages or not all(languages):
        raise _invalid(folder, 'languages must be a list such as ["en", "pt-BR"]')
    if gender not in _GENDERS:
        raise _invalid(folder, "gender must be female, male or left out")
    return name, languages, gender


def _bytes(folder: Path) -> bytes:
    try:
        return (folder / SAMPLE).read_bytes()
    except OSError:
        raise _unusable(folder, "is not there or cannot be read") from None


def _samples(folder: Path) -> tuple[NDArray[np.float32], int]:
    try:
        with wave.open(str(folder / SAMPLE)) as file:
            channels, width, rate_hz = file.getnchannels(), file.getsampwidth(), file.getframerate()
            duration_s = file.getnframes() / rate_hz
            data = file.readframes(min(file.getnframes(), round(MAX_SAMPLE_S * rate_hz)))
    except (wave.Error, EOFError, ZeroDivisionError) as error:
        raise _unusable(folder, "is no WAV file of plain PCM") from error
    if width != np.dtype(np.int16).itemsize:
        raise _unusable(folder, "must have 16 bits for each sample")
    if not MIN_SAMPLE_S <= duration_s <= MAX_SAMPLE_S:
        raise _unusable(folder, f"must last {MIN_SAMPLE_S:g} to {MAX_SAMPLE_S:g} s")
    frames = np.frombuffer(data, "<i2").reshape(-1, channels)
    return (frames.mean(axis=1) / _FULL_SCALE).astype(np.float32), rate_hz


def _no_consent(folder: Path, reason: str) -> Misconfigured:
    return Misconfigured(
        f"The voice in {folder} has no consent on record: {reason}. {RECORD} needs a table [consent] with "
        f"{', '.join(_CONSENT)}.",
        code="consent_missing",
    )


def _invalid(folder: Path, reason: str) -> Misconfigured:
    return Misconfigured(f"The voice in {folder} cannot be offered: {reason}.", code="voice_invalid")


def _unusable(folder: Path, reason: str) -> Misconfigured:
    return Misconfigured(f"{folder / SAMPLE} {reason}.", code="sample_unusable")
