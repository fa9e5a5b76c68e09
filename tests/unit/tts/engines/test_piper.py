"""A Piper voice's card, and its graph with the noise given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from services.shared.errors import Misconfigured
from services.tts.engines.onnx_wire import Graph, encode, node
from services.tts.engines.piper_card import Card
from services.tts.engines.piper_graph import NOISE, duration_predictor, with_given_noise
from tests.unit.tts.engines.test_kokoro_graph import FLOAT, model, run, value

CARD: dict[str, Any] = {
    "audio": {"sample_rate": 16_000},
    "espeak": {"voice": "pt-br"},
    "language": {"code": "pt_BR"},
    "inference": {"noise_scale": 0.5, "length_scale": 1.2, "noise_w": 0.7},
    "phoneme_id_map": {"_": [0], "^": [1], "$": [2], "a": [3]},
    "speaker_id_map": {"ana": 0, "bob": 1},
}


def card(folder: Path, **changes: Any) -> Card:
    path = folder / "pt_BR-duo-low.onnx.json"
    path.write_text(json.dumps({**CARD, **changes}))
    return Card.read(path)


def test_a_card_tells_the_language_the_scales_and_each_speaker(tmp_path: Path) -> None:
    duo = card(tmp_path)
    assert (duo.language_code, duo.espeak, duo.rate_hz) == ("pt-BR", "pt-br", 16_000)
    assert (duo.noise, duo.length) == ((0.5, 0.7), 1.2)
    assert [(voice.name, voice.language_code, voice.default) for voice in duo.voices()] == [
        ("ana", "pt-BR", True),
        ("bob", "pt-BR", False),
    ]


@pytest.mark.parametrize(("changes", "name"), [({}, "pt_BR-duo-low"), ({"dataset": "joe"}, "joe")])
def test_a_single_speaker_has_the_name_of_its_recordings_or_of_its_file(
    tmp_path: Path, changes: dict[str, str], name: str
) -> None:
    assert [voice.name for voice in card(tmp_path, speaker_id_map={}, **changes).voices()] == [name]


@pytest.mark.parametrize("changes", [{"phoneme_type": "text"}, {"inference": {}}, {"language": "pt"}])
def test_a_card_of_another_kind_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured) as refused:
        card(tmp_path, **changes)
    assert refused.value.code == "piper_voice_unusable"


def test_no_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        Card.read(tmp_path / "voice.onnx.json")


def voice() -> memoryview:
    """A graph with the two things that matter: noise, and durations that are scaled and rounded up."""
    return model(
        node("RandomNormalLike", ("durations",), "drawn"),
        node("Add", ("durations", "drawn"), "unscaled"),
        node("Mul", ("unscaled", "length"), "scaled"),
        node("Ceil", ("scaled",), "frames"),
        node("RandomNormalLike", ("frames",), "sound"),
        node("Add", ("frames", "sound"), "output"),
        value(Graph.INPUT, "durations", FLOAT, 1, 3),
        value(Graph.INPUT, "length", FLOAT, 1),
        value(Graph.OUTPUT, "output", FLOAT, 1, 3),
    )


DURATIONS = np.array([[1.5, 2.5, 3.5]], np.float32)
LENGTH = np.array([2.0], np.float32)


def test_the_noise_is_what_is_given_from_its_beginning_each_time() -> None:
    noise = np.array([0.25, -0.25, 0.5, 9.0, 9.0], np.float32)
    frames = np.ceil((DURATIONS + noise[:3]) * 2)
    spoken = run(with_given_noise(voice()), durations=DURATIONS, length=LENGTH, **{NOISE: noise})
    assert np.array_equal(spoken, frames + noise[:3])


def test_the_predictor_gives_durations_before_they_are_scaled() -> None:
    noise = np.array([0.25, -0.25, 0.5], np.float32)
    part = duration_predictor(memoryview(with_given_noise(voice())))
    inputs = {each.name for each in onnxruntime.InferenceSession(part).get_inputs()}
    assert inputs == {"durations", NOISE}
    assert np.array_equal(run(part, durations=DURATIONS, **{NOISE: noise}), DURATIONS + noise)


@pytest.mark.parametrize(
    "nodes", [(node("Neg", ("durations",), "output"),), (node("Ceil", ("durations",), "output"),)]
)
def test_another_kind_of_graph_is_refused(nodes: tuple[bytes, ...]) -> None:
    other = model(*nodes, encode(Graph.INPUT, encode(1, "durations")))
    with pytest.raises(ValueError, match="No node"):
        duration_predictor(other)
