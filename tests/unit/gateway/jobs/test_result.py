"""The result document."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import jsonschema
import pytest

from services.gateway.jobs.ids import new_job_id
from services.gateway.jobs.model import Job, JobOutcome, JobState, UnitRecord, UnitState
from services.gateway.jobs.outputs import position
from services.gateway.jobs.policy import ReviewPolicy
from services.gateway.jobs.result import compose
from services.shared import tasks

SCHEMA = json.loads((resources.files("services.gateway.jobs") / "result.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

MEDIA = {
    "container": "wav",
    "codec": "pcm_s16le",
    "channel_count": 2,
    "duration_ms": 60_000,
    "identical_to": [0, 1],
}
SPEC: dict[str, Any] = {
    "outputs": ["transcript", "audio"],
    "channels": [
        {"index": 0, "role": "agent", "source_language": "en", "target_language": "pt-BR"},
        {"index": 1, "role": "customer", "source_language": "pt-BR", "target_language": "en"},
    ],
}
WHISPER, FIREFOX, KOKORO, M2M = (
    {"name": name, "revision": "1", "sha256": digit * 64}
    for name, digit in (("whisper", "a"), ("firefox", "b"), ("kokoro", "c"), ("m2m", "d"))
)
WORDS = [
    {"text": "Room", "start_ms": 1000, "end_ms": 1200, "confidence": 0.9},
    {"text": "12", "start_ms": 1200, "end_ms": 1600, "confidence": 0.8},
]


def done(stage: str, index: str, output: dict[str, Any], /, **payload: Any) -> UnitRecord:
    return UnitRecord(stage, index, UnitState.DONE, payload, output)


def dead(stage: str, index: str, code: str, /, **payload: Any) -> UnitRecord:
    return UnitRecord(stage, index, UnitState.DEAD, payload, None, code, "It failed.")


def composed(
    kind: str, units: list[UnitRecord], documents: dict[str, Any], spec: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return a result, which must fit its schema."""
    job = Job(new_job_id(), "default", kind, JobState.RUNNING, datetime.now(UTC))
    result = compose(JobOutcome(job, SPEC if spec is None else spec, tuple(units)), documents)
    VALIDATOR.validate(result)
    return result


def transcript(text: str, **more: Any) -> dict[str, Any]:
    return {"text": text, "confidence": 0.9, "words": WORDS, "warnings": [], "model": WHISPER} | more


def translation(text: str, **more: Any) -> dict[str, Any]:
    return {"text": text, "warnings": [], "model": FIREFOX} | more


def speech(**more: Any) -> dict[str, Any]:
    return {
        "audio": "speech.wav", "voice": "dora", "slot_ms": 1000, "duration_ms": 1400, "stretch": 1.25,
        "model": KOKORO, "warnings": [],
    } | more  # fmt: skip


def call() -> tuple[list[UnitRecord], dict[str, Any]]:
    """Return a call in which the agent speaks once and the customer not at all."""
    span = {"start_ms": 1000, "end_ms": 2000, "borrow_ms": 500}
    units = [
        done(tasks.DECODE, "job", MEDIA),
        done(tasks.SEGMENT, "c1", {"language": "pt-BR"}, **SPEC["channels"][1]),
        done(tasks.SEGMENT, "c0", {"language": "en", "model": {"name": "vad", "revision": "1"}},
             **SPEC["channels"][0]),
        done(tasks.TRANSCRIBE, "c0r0", {"transcript": "t", "empty": False}, **span),
        done(tasks.TRANSLATE, "c0r0", {"translation": "u", "empty": False}, **span),
        done(tasks.SYNTHESIZE, "c0r0", speech(), **span),
        done(tasks.ENCODE, "job", {"files": [], "placements": {"c0r0": {"start_ms": 1000, "end_ms": 2400}}}),
    ]  # fmt: skip
    return units, {"t": transcript("Room 12"), "u": translation("Quarto 12")}


def test_a_region_holds_all_that_was_made_of_it() -> None:
    result = composed("speech_translation", *call())
    assert [channel["index"] for channel in result["channels"]] == [0, 1]
    assert result["channels"][0]["regions"] == [
        {
            "start_ms": 1000,
            "end_ms": 2000,
            "source": {"text": "Room 12", "confidence": 0.9, "words": WORDS},
            "translation": {"text": "Quarto 12", "model": "firefox", "revision": "1", "sha256": "b" * 64},
            "speech": {
                "voice": "dora",
                "slot_ms": 1000,
                "duration_ms": 1400,
                "stretch": 1.25,
                "borrowed_ms": 400,
                "delay_ms": 0,
                "start_ms": 1000,
                "end_ms": 2400,
                "overlap_ms": 0,
                "spoken_text": None,
                "heard": None,
            },
            "entities": [
                {
                    "kind": "number",
                    "source": "12",
                    "target": "12",
                    "source_text": "12",
                    "target_text": "12",
                    "start_ms": 1200,
                    "end_ms": 1600,
                    "confidence": 0.8,
                    "match": True,
                }
            ],
            "terms": [],
            "warnings": [],
            "needs_review": False,
            "review_reasons": [],
        }
    ]
    assert result["channels"][1]["regions"] == []
    assert (result["duration_ms"], result["holes"], result["needs_review"]) == (60_000, [], False)
    assert result["review_reasons"] == {}


def test_every_stage_names_its_models_once() -> None:
    models = composed("speech_translation", *call())["models"]
    assert models == {
        # Of a segment that was found before an update, when nobody told the hash.
        tasks.SEGMENT: [{"name": "vad", "revision": "1", "sha256": ""}],
        tasks.TRANSCRIBE: [WHISPER],
        tasks.TRANSLATE: [FIREFOX],
        tasks.SYNTHESIZE: [KOKORO],
    }


@pytest.mark.parametrize(
    ("changed", "warnings"),
    [
        ({"u": translation("Quarto 13")}, ["entity_mismatch"]),
        ({"t": transcript("Room 12", confidence=0.3)}, ["low_confidence"]),
        ({"t": transcript("Room 12", confidence=0.3, warnings=["low_confidence"])}, ["low_confidence"]),
        ({"t": transcript("Room 12", words=[WORDS[1] | {"confidence": 0.1}])}, ["entity_uncertain"]),
        ({"t": transcript("Room 12", warnings=["repetition"])}, ["repetition"]),
        ({"u": translation("Quarto 12", warnings=["same_language"])}, ["same_language"]),
    ],
)
def test_a_doubtful_region_marks_the_whole_call(changed: dict[str, Any], warnings: list[str]) -> None:
    units, documents = call()
    result = composed("speech_translation", units, documents | changed)
    region = result["channels"][0]["regions"][0]
    assert (region["needs_review"], region["warnings"], result["needs_review"]) == (True, warnings, True)
    assert region["review_reasons"] == warnings
    assert result["review_reasons"] == dict.fromkeys(warnings, 1)


def test_a_region_keeps_its_text_when_later_stages_fail() -> None:
    units, documents = call()
    span = units[3].payload
    units[4] = dead(tasks.TRANSLATE, "c0r0", "timeout", **span)
    units[5] = dead(tasks.SYNTHESIZE, "c0r0", "upstream_failed", **span)
    result = composed("speech_translation", units, documents)
    region = result["channels"][0]["regions"][0]
    assert (region["translation"], region["speech"]) == (None, None)
    assert (region["source"]["text"], region["needs_review"]) == ("Room 12", True)
    assert region["warnings"] == ["translate_failed", "synthesize_failed"]
    assert result["holes"] == [
        {
            "stage": tasks.TRANSLATE, "index": "c0r0", "code": "timeout", "channel": 0,
            "start_ms": 1000, "end_ms": 2000,
        }
    ]  # fmt: skip


def test_a_region_that_could_not_be_spoken_keeps_both_texts() -> None:
    units, documents = call()
    units[5] = dead(tasks.SYNTHESIZE, "c0r0", "timeout", **units[3].payload)
    result = composed("speech_translation", units, documents)
    region = result["channels"][0]["regions"][0]
    assert (region["source"]["text"], region["translation"]["text"]) == ("Room 12", "Quarto 12")
    assert (region["speech"], region["warnings"]) == (None, ["synthesize_failed"])
    assert [(hole["stage"], hole["code"]) for hole in result["holes"]] == [(tasks.SYNTHESIZE, "timeout")]


def test_a_region_that_was_not_recognised_is_only_a_hole() -> None:
    units, documents = call()
    units[3] = dead(tasks.TRANSCRIBE, "c0r0", "timeout", **units[3].payload)
    units[4:6] = []
    result = composed("speech_translation", units, documents)
    assert result["channels"][0]["regions"] == []
    assert (len(result["holes"]), result["needs_review"]) == (1, True)
    assert result["review_reasons"] == {"hole": 1}


def test_a_region_in_which_nothing_was_said_is_left_out() -> None:
    units, documents = call()
    result = composed("speech_translation", units, documents | {"t": transcript("", confidence=0)})
    assert result["channels"][0]["regions"] == []


def test_a_channel_with_the_same_audio_points_at_the_first() -> None:
    units, documents = call()
    units[0] = done(tasks.DECODE, "job", MEDIA | {"identical_to": [0, 0]})
    del units[1]
    result = composed("speech_translation", units, documents)
    twin = result["channels"][1]
    assert (twin["identical_to"], twin["role"], twin["source_language"]) == (0, "customer", "pt-BR")


@pytest.mark.parametrize(
    ("target", "said", "warned"),
    [("en", "Room 12", False), ("pt-BR", "Room 12", True), ("en", "", False), ("pt-BR", "", False)],
)
def test_only_speech_in_one_of_two_declared_languages_needs_a_look(
    target: str, said: str, *, warned: bool
) -> None:
    units, documents = call()
    units[0] = done(tasks.DECODE, "job", MEDIA | {"identical_to": [0, 0]})
    del units[1]
    first = {"role": "agent", "source_language": "pt-BR", "target_language": "en"}
    spec = {"channels": [first, first | {"role": "customer", "target_language": target}]}
    result = composed("speech_translation", units, documents | {"t": transcript(said)}, spec)
    assert result["channels"][1]["warnings"] == ["identical_channels"] * warned
    assert result["needs_review"] is warned


def test_a_channel_whose_language_is_uncertain_needs_a_look() -> None:
    units, documents = call()
    units[1] = done(tasks.SEGMENT, "c1", {"language": "pt", "warnings": ["uncertain_language"]},
                    **SPEC["channels"][1])  # fmt: skip
    result = composed("speech_translation", units, documents)
    assert (result["channels"][1]["warnings"], result["needs_review"]) == (["uncertain_language"], True)
    assert result["review_reasons"] == {"uncertain_language": 1}


def test_one_declared_direction_holds_for_every_channel_with_the_same_audio() -> None:
    units, documents = call()
    units[0] = done(tasks.DECODE, "job", MEDIA | {"identical_to": [0, 0]})
    del units[1]
    spec = {"channels": SPEC["channels"][:1]}
    twin = composed("speech_translation", units, documents, spec)["channels"][1]
    assert (twin["role"], twin["source_language"]) == ("agent", "en")


def test_a_silent_channel_of_a_language_to_be_detected_stays_auto() -> None:
    payload = {"role": None, "source_language": "auto", "target_language": "en"}
    units = [done(tasks.DECODE, "job", MEDIA), done(tasks.SEGMENT, "c0", {"language": ""}, **payload)]
    (channel,) = composed("speech_translation", units, {})["channels"]
    assert (channel["source_language"], channel["regions"]) == ("auto", [])


def test_recognitions_own_translation_is_shown_with_its_model() -> None:
    units, _ = call()
    documents = {"t": transcript("Chambre 12", translation={"text": "Room 12"})}
    result = composed("transcription", units[:4], documents)
    shown = result["channels"][0]["regions"][0]["translation"]
    assert shown == {"text": "Room 12", "model": "whisper", "revision": "1", "sha256": "a" * 64}


def through_a_third_language() -> dict[str, Any]:
    return translation("Salle 12", models=[FIREFOX, M2M], warnings=["pivoted"])


def test_a_translation_through_a_third_language_names_both_models() -> None:
    units, documents = call()
    result = composed("speech_translation", units, documents | {"u": through_a_third_language()})
    region = result["channels"][0]["regions"][0]
    assert region["translation"]["models"] == result["models"][tasks.TRANSLATE] == [FIREFOX, M2M]
    assert region["translation"]["model"] == "firefox"


def test_what_holds_for_a_language_is_told_and_needs_no_look_at_each_text() -> None:
    units, documents = call()
    units[5] = done(tasks.SYNTHESIZE, "c0r0", speech(warnings=["last_resort_voice"]), **units[3].payload)
    result = composed("speech_translation", units, documents | {"u": through_a_third_language()})
    region = result["channels"][0]["regions"][0]
    assert (region["warnings"], region["needs_review"]) == (["pivoted", "last_resort_voice"], False)
    assert result["needs_review"] is False


def test_a_fall_back_to_another_model_needs_a_look() -> None:
    units, documents = call()
    fallen = translation("Quarto 12", model=M2M, warnings=["fell_back"])
    result = composed("speech_translation", units, documents | {"u": fallen})
    assert result["channels"][0]["regions"][0]["warnings"] == ["fell_back"]
    assert result["needs_review"] is True


def test_documents_of_before_an_update_have_no_hash() -> None:
    old = {"text": "Quarto 12", "warnings": [], "model": {"name": "firefox", "revision": "0"}}
    units, documents = call()
    result = composed("speech_translation", units, documents | {"u": old})
    shown = result["channels"][0]["regions"][0]["translation"]
    assert (shown["revision"], shown["sha256"]) == ("0", None)
    assert result["models"][tasks.TRANSLATE] == [{"name": "firefox", "revision": "0", "sha256": ""}]


def test_a_placement_that_is_not_known_is_where_it_was_asked() -> None:
    units, documents = call()
    shown = composed("speech_translation", units[:-1], documents)["channels"][0]["regions"][0]["speech"]
    assert (shown["start_ms"], shown["end_ms"], shown["borrowed_ms"]) == (1000, 2400, 400)


@pytest.mark.parametrize(
    ("placed", "borrowed_ms", "delay_ms"),
    [
        ((1000, 2000), 0, 0),
        ((1000, 1400), 0, 0),
        ((1000, 2400), 400, 0),
        ((1000, 2900), 500, 0),
        ((1300, 2200), 200, 300),
        ((1301, 3000), 500, 301),
    ],
)
def test_speech_says_what_it_borrowed_and_how_late_it_is(
    placed: tuple[int, int], borrowed_ms: int, delay_ms: int
) -> None:
    units, documents = call()
    where = dict(zip(("start_ms", "end_ms"), placed, strict=True))
    units[6] = done(tasks.ENCODE, "job", {"files": [], "placements": {"c0r0": where}})
    result = composed("speech_translation", units, documents)
    region = result["channels"][0]["regions"][0]
    assert (region["speech"]["borrowed_ms"], region["speech"]["delay_ms"]) == (borrowed_ms, delay_ms)
    late = delay_ms > ReviewPolicy().max_delay_ms
    assert region["warnings"] == ["speech_late"] * late
    assert region["needs_review"] is result["needs_review"] is late


def test_a_text_translation_shows_both_texts() -> None:
    spec = {"source_language": "en", "target_language": "pt-BR", "input": {"key": "text"}}
    units = [done(tasks.TRANSLATE, "job", {"translation": "u"})]
    result = composed("text_translation", units, {"text": "Room 12", "u": translation("Quarto 13")}, spec)
    assert result["source"] == {"text": "Room 12", "language": "en"}
    assert result["translation"]["text"] == "Quarto 13"
    (entity,) = result["entities"]
    assert (entity["match"], entity["start_ms"], entity["confidence"]) == (False, None, None)
    assert (result["needs_review"], result["review_reasons"]) == (True, {"entity_mismatch": 1})


def test_speech_shows_its_voice_and_length() -> None:
    units = [done(tasks.SYNTHESIZE, "job", speech(slot_ms=0))]
    result = composed("speech", units, {}, {"language": "pt-BR"})
    assert result["speech"] == {"voice": "dora", "language": "pt-BR", "duration_ms": 1400, "heard": None}


@pytest.mark.parametrize("kind", ["encode", "decode"])
def test_a_media_job_shows_what_the_file_was(kind: str) -> None:
    result = composed(kind, [done(tasks.DECODE, "job", MEDIA | {"files": []})], {}, {})
    assert result["media"] == MEDIA


@pytest.mark.parametrize(
    ("index", "found"), [("job", (-1, -1)), ("c3", (3, -1)), ("c0r12", (0, 12)), ("c0r0", (0, 0))]
)
def test_an_index_names_channel_and_region(index: str, found: tuple[int, int]) -> None:
    assert position(index) == found


def test_regions_come_in_the_order_of_the_call_not_of_completion() -> None:
    units, documents = call()
    units = [unit for unit in units if unit.stage in {tasks.DECODE, tasks.SEGMENT}]
    for number in (10, 2, 0):
        span = {"start_ms": number * 1000, "end_ms": number * 1000 + 500}
        units.append(done(tasks.TRANSCRIBE, f"c0r{number}", {"transcript": "t"}, **span))
    regions = composed("transcription", units, documents)["channels"][0]["regions"]
    assert [region["start_ms"] for region in regions] == [0, 2000, 10_000]
