"""The result document of a job, composed from what its units left; result.schema.json describes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from services.gateway.jobs import glossaries, review, states
from services.gateway.jobs.model import JobOutcome, UnitRecord, UnitState
from services.shared import tasks

SCHEMA_VERSION: Final = "1"
# What a job leaves as documents, by the name under which a unit's output refers to it.
DOCUMENTS: Final = ("transcript", "translation")

_LANGUAGES: Final = ("source_language", "target_language")
_INDEX: Final = re.compile(r"c(\d+)(?:r(\d+))?")
Json = dict[str, Any]


class Outputs:
    """A job's units, and the documents that they left.

    Args:
        outcome: The job with its units.
        documents: By artifact key; the text of a text job is one of them.
    """

    def __init__(self, outcome: JobOutcome, documents: Mapping[str, Any]) -> None:
        self.outcome = outcome
        self.spec = outcome.spec
        self._documents = documents
        self._units = {(unit.stage, unit.index): unit for unit in outcome.units}

    def units(self, stage: str) -> Iterator[UnitRecord]:
        """Yield a stage's units in the order of channel and region."""
        found = (unit for unit in self.outcome.units if unit.stage == stage)
        yield from sorted(found, key=lambda unit: position(unit.index))

    def output(self, stage: str, index: str = "job") -> Mapping[str, Any]:
        """Return a unit's output; empty when it is not done."""
        unit = self._units.get((stage, index))
        return unit.output if unit and unit.state is UnitState.DONE and unit.output else {}

    def document(self, stage: str, name: str, index: str = "job") -> Json:
        """Return the document that a unit's output calls `name`; empty when there is none."""
        found: Json = self._documents.get(str(self.output(stage, index).get(name)), {})
        return found

    def text(self) -> str:
        """Return the text that the client sent."""
        return str(self._documents[self.spec["input"]["key"]])

    def is_dead(self, stage: str, index: str) -> bool:
        """Say whether a unit failed for good."""
        unit = self._units.get((stage, index))
        return unit is not None and unit.state is UnitState.DEAD


def position(index: str) -> tuple[int, int]:
    """Return the channel and region of a unit's index; -1 for what it does not name."""
    match = _INDEX.fullmatch(index)
    return (int(match[1]), int(match[2] or -1)) if match else (-1, -1)


def compose(outcome: JobOutcome, documents: Mapping[str, Any]) -> Json:
    """Return the result document of a job that came through, wholly or in part.

    Args:
        outcome: The job, its spec and its units.
        documents: Every document that a unit's output refers to, and the client's text, by artifact key.
    """
    outputs = Outputs(outcome, documents)
    body = _COMPOSERS[outcome.job.kind](outputs)
    holes = [_hole(unit) for unit in outcome.units if states.is_hole(unit)]
    return {
        "schema_version": SCHEMA_VERSION,
        "job": outcome.job.id,
        "kind": outcome.job.kind,
        **body,
        **glossaries.summary(outcome.spec, _term_uses(body)),
        "models": _models(outputs),
        "holes": holes,
        "needs_review": bool(holes) or _any_review(body),
    }


def _call(outputs: Outputs) -> Json:
    media = outputs.output(tasks.DECODE)
    channels = {position(unit.index)[0]: _channel(outputs, unit) for unit in outputs.units(tasks.SEGMENT)}
    twins = {
        index: _twin(index, channels[first], outputs.spec)
        for index, first in enumerate(media.get("identical_to", ()))
        if index != first
    }
    return {
        "duration_ms": media.get("duration_ms", 0),
        "channels": [channel for _, channel in sorted((channels | twins).items())],
    }


def _channel(outputs: Outputs, segment: UnitRecord) -> Json:
    number, _ = position(segment.index)
    found = outputs.output(tasks.SEGMENT, segment.index)
    regions = [
        _region(outputs, unit)
        for unit in outputs.units(tasks.TRANSCRIBE)
        if position(unit.index)[0] == number and unit.state is UnitState.DONE
    ]
    return {
        "index": number,
        "role": segment.payload.get("role"),
        "source_language": found.get("language") or segment.payload.get("source_language"),
        "target_language": segment.payload.get("target_language"),
        "identical_to": None,
        "warnings": list(found.get("warnings", ())),
        "regions": [region for region in regions if region["source"]["text"]],
    }


def _twin(index: int, first: Json, spec: Mapping[str, Any]) -> Json:
    """Return a channel with the same audio as the channel `first`, which alone was worked on.

    Where somebody speaks on it, and its languages were declared to be others, one of the two is wrong.
    """
    listed = dict(enumerate(spec["channels"]))
    worked_on = listed.get(first["index"]) or spec
    declared = listed.get(index) or worked_on
    differs = any(declared.get(name) != worked_on.get(name) for name in _LANGUAGES)
    return {
        "index": index,
        "role": declared.get("role"),
        "source_language": declared.get("source_language"),
        "target_language": declared.get("target_language"),
        "identical_to": first["index"],
        "warnings": ["identical_channels"] if differs and first["regions"] else [],
        "regions": [],
    }


def _region(outputs: Outputs, unit: UnitRecord) -> Json:
    transcript = outputs.document(tasks.TRANSCRIBE, "transcript", unit.index)
    translation = outputs.document(tasks.TRANSLATE, "translation", unit.index)
    if not translation and (made := transcript.get("translation")):  # by the ASR engine itself
        translation = {"model": transcript.get("model", {})} | made
    synthesis = outputs.output(tasks.SYNTHESIZE, unit.index)
    speech = _speech_of_region(outputs, unit) if synthesis.get("audio") else None
    text, confidence = transcript.get("text", ""), transcript.get("confidence", 0.0)
    entities = review.number_entities(text, translation["text"]) if translation else []
    terms = translation.get("terms", [])
    warnings = [
        *transcript.get("warnings", ()),
        *translation.get("warnings", ()),
        *glossaries.missed(terms),
        *synthesis.get("warnings", ()),
        *(["speech_late"] if speech and speech["delay_ms"] > review.MAX_DELAY_MS else []),
        *(f"{stage}_failed" for stage in _failed_after_transcript(outputs, unit.index)),
    ]
    return {
        "start_ms": unit.payload["start_ms"],
        "end_ms": unit.payload["end_ms"],
        "source": {"text": text, "confidence": confidence, "words": transcript.get("words", [])},
        "translation": _translation(translation) if translation else None,
        "speech": speech,
        "entities": entities,
        "terms": terms,
        "warnings": list(dict.fromkeys(warnings)),
        "needs_review": review.needs_review(entities, warnings, confidence),
    }


def _failed_after_transcript(outputs: Outputs, index: str) -> Iterator[str]:
    """Yield the names of the stages that failed for a region that was recognised."""
    for stage in (tasks.TRANSLATE, tasks.SYNTHESIZE):
        if outputs.is_dead(stage, index):
            yield stage.partition(".")[2]


def _speech_of_region(outputs: Outputs, unit: UnitRecord) -> Json:
    speech, region = outputs.output(tasks.SYNTHESIZE, unit.index), unit.payload
    asked = {"start_ms": region["start_ms"]}
    placed = outputs.output(tasks.ENCODE).get("placements", {}).get(unit.index, asked)
    end_ms = placed.get("end_ms", placed["start_ms"] + speech["duration_ms"])
    over_ms = max(0, end_ms - region["end_ms"])
    return {
        "voice": speech["voice"],
        "slot_ms": speech["slot_ms"],
        "duration_ms": speech["duration_ms"],
        "stretch": speech["stretch"],
        "borrowed_ms": min(over_ms, region["borrow_ms"]),
        "delay_ms": max(0, placed["start_ms"] - region["start_ms"]),
        "start_ms": placed["start_ms"],
        "end_ms": end_ms,
    }


def _translation(document: Mapping[str, Any]) -> Json:
    model, models = document.get("model") or {}, document.get("models") or ()
    return {
        "text": document["text"],
        "model": model.get("name") or None,
        "revision": model.get("revision") or None,
        "sha256": model.get("sha256") or None,
        **({"models": [_model(each) for each in models]} if len(models) > 1 else {}),
    }


def _model(document: Mapping[str, Any]) -> Json:
    """Return a model as results name it; of one that answered before an update, the hash is not known."""
    return {name: document.get(name) or "" for name in ("name", "revision", "sha256")}


def _text_translation(outputs: Outputs) -> Json:
    document = outputs.document(tasks.TRANSLATE, "translation")
    text = outputs.text()
    entities = review.number_entities(text, document["text"])
    terms = document.get("terms", [])
    warnings = [*document.get("warnings", ()), *glossaries.missed(terms)]
    return {
        "source": {"text": text, "language": outputs.spec["source_language"]},
        "translation": _translation(document) | {"language": outputs.spec["target_language"]},
        "entities": entities,
        "terms": terms,
        "warnings": warnings,
        "needs_review": review.needs_review(entities, warnings),
    }


def _speech(outputs: Outputs) -> Json:
    speech = outputs.output(tasks.SYNTHESIZE)
    warnings = list(speech.get("warnings", ()))
    return {
        "speech": {
            "voice": speech["voice"],
            "language": outputs.spec["language"],
            "duration_ms": speech["duration_ms"],
        },
        "warnings": warnings,
        "needs_review": review.needs_review((), warnings),
    }


def _media(outputs: Outputs) -> Json:
    media = outputs.output(tasks.DECODE)
    names = ("container", "codec", "channel_count", "duration_ms", "identical_to")
    return {"media": {name: media.get(name) for name in names}}


_COMPOSERS: Mapping[str, Callable[[Outputs], Json]] = {
    "speech_translation": _call,
    "transcription": _call,
    "text_translation": _text_translation,
    "speech": _speech,
    "encode": _media,
    "decode": _media,
}


def _models(outputs: Outputs) -> dict[str, list[Json]]:
    """Return per stage every model that answered: more than one after a roll-out in the middle of a job."""
    models: dict[str, list[Json]] = {}
    for unit in outputs.outcome.units:
        sources = [outputs.output(unit.stage, unit.index)]
        sources += [outputs.document(unit.stage, name, unit.index) for name in DOCUMENTS]
        for source in sources:
            # A translation through a third language has one model for each step.
            for document in source.get("models") or (source.get("model") or {},):
                model = _model(document)
                if model["name"] and model not in models.setdefault(unit.stage, []):
                    models[unit.stage].append(model)
    return models


def _hole(unit: UnitRecord) -> Json:
    channel, _ = position(unit.index)
    return {
        "stage": unit.stage,
        "index": unit.index,
        "code": unit.error_code or "internal_error",
        "channel": channel if channel >= 0 else None,
        "start_ms": unit.payload.get("start_ms") if states.is_region(unit.index) else None,
        "end_ms": unit.payload.get("end_ms") if states.is_region(unit.index) else None,
    }


def _regions(body: Mapping[str, Any]) -> Iterator[Json]:
    return (region for channel in body.get("channels", ()) for region in channel["regions"])


def _term_uses(body: Mapping[str, Any]) -> Iterator[Json]:
    return (use for text in (body, *_regions(body)) for use in text.get("terms", ()))


def _any_review(body: Mapping[str, Any]) -> bool:
    return (
        bool(body.get("needs_review"))
        or any(channel["warnings"] for channel in body.get("channels", ()))
        or any(region["needs_review"] for region in _regions(body))
    )
