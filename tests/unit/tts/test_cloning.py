"""A cloned voice is offered only where its person's consent to that very recording is on record."""

from __future__ import annotations

import hashlib
import wave
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.shared.errors import Misconfigured
from services.tts.cloning import read_voice, read_voices
from tests.support.cloned_voices import record, save_sample, save_voice

CONSENT = ("person", "date", "statement", "recorded_by", "sample_sha256")


def refusal(folder: Path) -> str:
    with pytest.raises(Misconfigured) as refused:
        read_voice(folder)
    return refused.value.code


def test_a_voice_with_a_full_consent_is_read(tmp_path: Path) -> None:
    voice = read_voice(save_voice(tmp_path / "ana", name="ana", languages=["pt-BR", "en"], gender="female"))
    assert (voice.name, voice.languages, voice.gender) == ("ana", ("pt-BR", "en"), "female")
    assert voice.consent.person == "Ana Souza"
    assert voice.consent.date == date(2026, 1, 31)
    assert voice.sample_rate_hz == 16_000
    assert voice.samples.dtype == np.float32
    assert voice.samples.size == 3 * 16_000
    assert 0.2 < np.abs(voice.samples).max() < 0.3


def test_one_language_needs_no_list_and_the_gender_may_be_left_out(tmp_path: Path) -> None:
    folder = save_voice(tmp_path / "ana")
    text = (folder / "voice.toml").read_text()
    (folder / "voice.toml").write_text(text.replace('languages = ["en"]', 'language = "en"'))
    assert read_voice(folder).languages == ("en",)
    assert not read_voice(folder).gender


@pytest.mark.parametrize("field", CONSENT)
@pytest.mark.parametrize("empty", [None, "", "  "])
def test_without_any_part_of_the_consent_it_is_refused(tmp_path: Path, field: str, empty: str | None) -> None:
    assert refusal(save_voice(tmp_path / "ana", consent={field: empty})) == "consent_missing"


def test_without_a_record_or_without_its_table_it_is_refused(tmp_path: Path) -> None:
    save_sample(tmp_path / "bare" / "sample.wav")
    assert refusal(tmp_path / "bare") == "consent_missing"
    folder = save_voice(tmp_path / "ana")
    (folder / "voice.toml").write_text('name = "ana"\nlanguages = ["en"]\nconsent = "yes"\n')
    assert refusal(folder) == "consent_missing"


@pytest.mark.parametrize("day", ["31 January 2026", "2026-02-30", str(date.today() + timedelta(days=2))])  # noqa: DTZ011 - the reader's own day
def test_a_date_that_is_none_or_is_yet_to_come_is_no_consent(tmp_path: Path, day: str) -> None:
    assert refusal(save_voice(tmp_path / "ana", consent={"date": day})) == "consent_missing"


def test_a_date_may_be_written_as_toml_writes_dates(tmp_path: Path) -> None:
    folder = save_voice(tmp_path / "ana")
    text = (folder / "voice.toml").read_text()
    (folder / "voice.toml").write_text(text.replace('"2026-01-31"', "2026-01-31"))
    assert read_voice(folder).consent.date == date(2026, 1, 31)


def test_a_consent_to_another_recording_is_refused(tmp_path: Path) -> None:
    folder = save_voice(tmp_path / "ana")
    save_sample(folder / "sample.wav", pitch_hz=300)
    assert refusal(folder) == "consent_mismatch"


@pytest.mark.parametrize(
    ("change", "to"),
    [
        ("name", "../ana"),
        ("name", ""),
        ("languages", []),
        ("languages", [""]),
        ("gender", "unknown"),
    ],
)
def test_what_cannot_be_offered_is_refused(tmp_path: Path, change: str, to: Any) -> None:
    assert refusal(save_voice(tmp_path / "ana", **{change: to})) == "voice_invalid"


def test_a_record_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    folder = save_voice(tmp_path / "ana")
    (folder / "voice.toml").write_text("name = ")
    assert refusal(folder) == "voice_invalid"


@pytest.mark.parametrize("damage", ["missing", "not_wav", "short", "eight_bits"])
def test_a_sample_that_cannot_be_used_is_refused(tmp_path: Path, damage: str) -> None:
    folder = save_voice(tmp_path / "ana")
    sample = folder / "sample.wav"
    match damage:
        case "missing":
            sample.unlink()
        case "not_wav":
            sample.write_bytes(b"ID3 this is no WAV")
        case "short":
            save_sample(sample, seconds=1.0)
        case "eight_bits":
            with wave.open(str(sample), "wb") as file:
                file.setparams((1, 1, 8000, 0, "NONE", ""))
                file.writeframes(b"\x80" * 24_000)
    if sample.exists():
        (folder / "voice.toml").write_text(
            record(sample_sha256=hashlib.sha256(sample.read_bytes()).hexdigest())
        )
    assert refusal(folder) == "sample_unusable"


def test_two_channels_are_heard_as_one(tmp_path: Path) -> None:
    folder = save_voice(tmp_path / "ana", channels=2)
    assert read_voice(folder).samples.size == 3 * 16_000


def test_of_a_folder_of_voices_the_good_ones_are_offered_and_the_others_named(tmp_path: Path) -> None:
    save_voice(tmp_path / "ana", name="ana")
    save_voice(tmp_path / "ben", name="ben", consent={"statement": ""})
    save_voice(tmp_path / "twin", name="ana")
    (tmp_path / "notes.txt").write_text("no voice")
    voices, refused = read_voices(tmp_path)
    assert [each.name for each in voices] == ["ana"]
    assert {name: error.code for name, error in refused.items()} == {
        "ben": "consent_missing",
        "twin": "voice_invalid",
    }


def test_a_refusal_says_what_is_lacking(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"recorded_by.*needs a table \[consent\]"):
        read_voice(save_voice(tmp_path / "ana", consent={"recorded_by": ""}))


def test_without_a_folder_there_is_no_voice_and_a_wrong_one_is_an_error(tmp_path: Path) -> None:
    assert read_voices(None) == ((), {})
    with pytest.raises(Misconfigured) as refused:
        read_voices(tmp_path / "nowhere")
    assert refused.value.code == "voices_dir_missing"
