"""The OpenAI-compatible routes with the lite models: what is said is heard again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
from openai import OpenAI

from tests.support.gateway_house import House, house, lite
from tests.support.speech import FOLDER, PROMPTS, wrong_words

pytestmark = [pytest.mark.models, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture(scope="module")
def gateway(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(lite(), redis_url, tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="module")
def client(gateway: House) -> Iterator[OpenAI]:
    with gateway.client as opened:
        yield opened


def test_a_recorded_prompt_is_written_down_with_its_words(client: OpenAI) -> None:
    with (FOLDER / "en-press-9.wav").open("rb") as file:
        heard = client.audio.transcriptions.create(
            file=file,
            model="whisper-1",
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
        )
    assert wrong_words(PROMPTS["en-press-9"], heard.text) <= 2
    assert heard.language == "english"
    words = heard.words or []
    assert [word.start for word in words] == sorted(word.start for word in words)
    assert words[-1].end <= heard.duration
    (segment,) = heard.segments or []
    assert -1 < segment.avg_logprob < 0
    assert 0 <= segment.no_speech_prob < 0.5


def test_a_spanish_prompt_is_detected_and_translated(client: OpenAI) -> None:
    with (FOLDER / "es-marque-1.wav").open("rb") as file:
        heard = client.audio.translations.create(file=file, model="whisper-1")
    assert "1" in heard.text or "one" in heard.text.lower()


@pytest.mark.parametrize("codec", ["wav", "opus"])
def test_what_is_said_is_heard_again(client: OpenAI, codec: Literal["wav", "opus"]) -> None:
    said = "Please enter your phone number, starting with the area code."
    audio = client.audio.speech.create(
        input=said,
        model="gpt-4o-mini-tts",
        voice="alloy",
        response_format=codec,
    )
    heard = client.audio.transcriptions.create(
        file=(f"said.{codec}", audio.content), model="gpt-4o-transcribe", language="en"
    )
    assert wrong_words(PROMPTS["en-phone-number"], heard.text) <= 1


def test_portuguese_is_said_and_translated_into_english(client: OpenAI) -> None:
    audio = client.audio.speech.create(
        input="Bom dia. O seu quarto está pronto.", model="tts-1", voice="pf_dora", response_format="mp3"
    )
    heard = client.audio.transcriptions.create(
        file=("said.mp3", audio.content),
        model="whisper-1",
        language="pt-BR",
        extra_body={"target_language": "en"},
    )
    assert "room" in heard.text.lower()


def test_the_models_have_the_names_of_the_catalogue(client: OpenAI) -> None:
    assert "whisper-base-int8" in [model.id for model in client.models.list()]
