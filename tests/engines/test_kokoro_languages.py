"""Kokoro's Japanese and Chinese, with misaki and the dictionaries that its packages ship."""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path

import jiwer
import pytest
from pypinyin import lazy_pinyin

from services.shared.config import load
from services.shared.engines import Reference
from services.tts.core import TtsCore
from services.tts.engines.base import TtsEngine
from services.tts.engines.kokoro_text import read
from services.tts.engines.phonemes import phonemes
from services.tts.engines.registry import create
from services.tts.engines.trade import alone
from services.tts.request import SpeechRequest
from services.tts.settings import TtsSettings
from tests.contract.tts_suite import CHECKS, Check, named
from tests.support.speech import heard

# misaki and jieba use what Python will drop one day.
pytestmark = [pytest.mark.models, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

JAPANESE = ("お客様の口座番号を教えていただけますか。", "明日の午後三時に電話をかけ直してください。")
CHINESE = (
    "请告诉我您的账户号码，好吗？",  # noqa: RUF001 - its own marks
    "从昨天晚上开始，我就无法登录我的账户了。",  # noqa: RUF001 - its own marks
    "请您稍等一下，我帮您查询。",  # noqa: RUF001 - its own marks
)


@pytest.fixture(scope="module")
def kokoro() -> TtsEngine:
    return create(Reference("kokoro"), load(TtsSettings))


def bare(text: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text)))


def sounds(text: str) -> str:
    """Return Chinese in Latin letters, in which Whisper's choice of characters makes no difference."""
    return " ".join(lazy_pinyin(bare(text)))


@pytest.mark.parametrize("check", CHECKS, ids=named)
def test_kokoro_keeps_its_promises_with_all_languages(kokoro: TtsEngine, check: Check) -> None:
    check(kokoro)


@pytest.mark.parametrize("voice", ["jf_alpha", "jm_kumo"])
def test_whisper_understands_its_japanese(kokoro: TtsEngine, voice: str) -> None:
    core = TtsCore(alone(kokoro))
    spoken = (core.synthesize(SpeechRequest(each, "ja", voice)).audio for each in JAPANESE)
    # By their sounds, for Whisper writes some words in other characters.
    found = [read(bare(heard(each, "ja")), "ja") for each in spoken]
    assert jiwer.cer([read(bare(each), "ja") for each in JAPANESE], found) <= 0.1


@pytest.mark.parametrize("voice", ["zf_xiaobei", "zm_yunxi"])
def test_whisper_understands_its_chinese(kokoro: TtsEngine, voice: str) -> None:
    core = TtsCore(alone(kokoro))
    said = [sounds(sentence) for sentence in CHINESE]
    spoken = (core.synthesize(SpeechRequest(each, "zh-CN", voice)).audio for each in CHINESE)
    assert jiwer.wer(said, [sounds(heard(each, "zh")) for each in spoken]) <= 0.1


@pytest.mark.parametrize(("language", "text"), [("ja", "私はJohn Smithです。"), ("zh", "我叫John Smith。")])
def test_foreign_words_are_read_as_english(language: str, text: str) -> None:
    assert phonemes("John Smith", "en-us").strip() in read(text, language)


def test_no_dictionary_is_left_in_the_common_folder_nor_read_from_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kokoro: TtsEngine
) -> None:
    assert kokoro.voices
    dictionary = sys.modules["jieba"].dt
    assert dictionary.initialized
    assert not Path(dictionary.tmp_dir).exists()
