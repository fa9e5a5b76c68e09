"""The result document of a job, composed from what its units left; result.schema.json describes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.gateway.jobs import entities, glossaries, review, states, timing
from services.gateway.jobs.model import JobOutcome, UnitRecord, UnitState
from services.gateway.jobs.outputs import DOCUMENTS, Outputs, position
from services.gateway.jobs.policy import ReviewPolicy
from services.gateway.jobs.timing import Timeline
from services.shared import tasks

SCHEMA_VERSION: Final = "1"

_LANGUAGES: Final = ("source_language", "target_language")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Call:
    """What the regions of a call are composed of."""

    outputs: Outputs
    timeline: Timeline
    policy: ReviewPolicy


def compose(outcome: JobOutcome, documents: Mapping[str, Any]) -> Json:
    """Return the result document of a job that came through, wholly or in part.

    Args:
        outcome: The job, its spec and its units.
        documents: Every document that a unit's output refers to, and the client's text, by artifact key.
    """
    outputs = Outputs(outcome, documents)
    body = _COMPOSERS[outcome.job.kind](outputs)
    holes = [_hole(unit) for unit in outcome.units if states.is_hole(unit)]
    reasons = _reasons(body, holes, ReviewPolicy.of(outcome.spec))
    return {
        "schema_version": SCHEMA_VERSION,
        "job": outcome.job.id,
        "kind": outcome.job.kind,
        **body,
        **glossaries.summary(outcome.spec, _term_uses(body)),
        "models": _models(outputs),
        "holes": holes,
        "needs_review": bool(reasons),
        "review_reasons": reasons,
    }


def _call(outputs: Outputs) -> Json:
    media = outputs.output(tasks.DECODE)
    call = _Call(outputs, Timeline(outputs), ReviewPolicy.of(outputs.spec))
    channels = {position(unit.index)[0]: _channel(call, unit) for unit in outputs.units(tasks.SEGMENT)}
    twins = {
        index: _twin(index, channels[first], outputs.spec)
        for index, first in enumerate(media.get("identical_to", ()))
        if index != first
    }
    made = {"channels": [channel for _, channel in sorted((channels | twins).items())]}
    speeches = [region["speech"] for region in _regions(made) if region["speech"]]
    return {
        "duration_ms": media.get("duration_ms", 0),
        **made,
        "timing": timing.summary(speeches) if "audio" in outputs.spec.get("outputs", ()) else None,
    }


def _channel(call: _Call, segment: UnitRecord) -> Json:
    number, _ = position(segment.index)
    found = call.outputs.output(tasks.SEGMENT, segment.index)
    channel = {
        "index": number,
        "role": segment.payload.get("role"),
        "source_language": found.get("language") or segment.payload.get("source_language"),
        "target_language": segment.payload.get("target_language"),
        "identical_to": None,
        "sounds": list(found.get("sounds", ())),
        "warnings": list(found.get("warnings", ())),
    }
    regions = [
        _region(call, unit, channel)
        for unit in call.outputs.units(tasks.TRANSCRIBE)
        if position(unit.index)[0] == number and unit.state is UnitState.DONE
    ]
    return channel | {"regions": [region for region in regions if region["source"]["text"]]}


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
        "sounds": [],
        "warnings": ["identical_channels"] if differs and first["regions"] else [],
        "regions": [],
    }


def _region(call: _Call, unit: UnitRecord, channel: Mapping[str, Any]) -> Json:
    outputs = call.outputs
    transcript = outputs.document(tasks.TRANSCRIBE, "transcript", unit.index)
    translation = outputs.document(tasks.TRANSLATE, "translation", unit.index)
    if not translation and (made := transcript.get("translation")):  # by the ASR engine itself
        translation = {"model": transcript.get("model", {})} | made
    speech = call.timeline.speech(unit)
    span = {name: unit.payload[name] for name in ("start_ms", "end_ms")}
    source = {
        "text": transcript.get("text", ""),
        "confidence": transcript.get("confidence", 0.0),
        "words": transcript.get("words", []),
    }
    listed = _entities(channel, source | span, translation)
    terms = translation.get("terms", [])
    spoken = outputs.output(tasks.SYNTHESIZE, unit.index).get("warnings", ())
    warnings = [
        *transcript.get("warnings", ()),
        *review.of_recognition(source["confidence"], call.policy),
        *translation.get("warnings", ()),
        *glossaries.missed(terms),
        *review.of_entities(listed, call.policy),
        *review.of_speech(spoken, speech, call.policy),
        *(f"{stage}_failed" for stage in _failed_after_transcript(outputs, unit.index)),
    ]
    return {
        **span,
        "source": source,
        "translation": _translation(translation) if translation else None,
        "speech": speech,
        "entities": listed,
        "terms": terms,
        **_reviewed(warnings, call.policy),
    }


def _entities(channel: Mapping[str, Any], heard: Json, translation: Mapping[str, Any]) -> list[Json]:
    source = entities.Text(heard["text"], channel["source_language"] or "", heard["words"], whole=heard)
    target = entities.Text(translation["text"], channel["target_language"] or "") if translation else None
    return entities.listed(source, target)


def _reviewed(warnings: Iterable[str], policy: ReviewPolicy) -> Json:
    warnings = list(dict.fromkeys(warnings))
    reasons = review.reasons(warnings, policy)
    return {"warnings": warnings, "needs_review": bool(reasons), "review_reasons": reasons}


def _failed_after_transcript(outputs: Outputs, index: str) -> Iterator[str]:
    """Yield the names of the stages that failed for a region that was recognised."""
    for stage in (tasks.TRANSLATE, tasks.SYNTHESIZE):
        if outputs.is_dead(stage, index):
            yield stage.partition(".")[2]


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
    text, policy = outputs.text(), ReviewPolicy.of(outputs.spec)
    source, target = (outputs.spec[name] for name in _LANGUAGES)
    listed = entities.listed(entities.Text(text, source), entities.Text(document["text"], target))
    terms = document.get("terms", [])
    warnings = [
        *document.get("warnings", ()),
        *glossaries.missed(terms),
        *review.of_entities(listed, policy),
    ]
    return {
        "source": {"text": text, "language": source},
        "translation": _translation(document) | {"language": target},
        "entities": listed,
        "terms": terms,
        **_reviewed(warnings, policy),
    }


def _speech(outputs: Outputs) -> Json:
    made, policy = outputs.output(tasks.SYNTHESIZE), ReviewPolicy.of(outputs.spec)
    speech = {
        "voice": made["voice"],
        "language": outputs.spec["language"],
        "duration_ms": made["duration_ms"],
        "heard": timing.heard(made),
    }
    warnings = review.of_speech(made.get("warnings", ()), speech, policy)
    return {"speech": speech, **_reviewed(warnings, policy)}


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


def _reasons(body: Mapping[str, Any], holes: Sequence[Json], policy: ReviewPolicy) -> dict[str, int]:
    """Return for each reason of how many regions, channels, texts or holes of a job it is one."""
    return review.counted(
        (
            body.get("review_reasons", ()),
            *(review.reasons(channel["warnings"], policy) for channel in body.get("channels", ())),
            *(region["review_reasons"] for region in _regions(body)),
            *(review.reasons((review.HOLE,), policy) for _ in holes),
        )
    )
