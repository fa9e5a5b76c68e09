"""The translation stage: a transcript or a text in, its translation out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, Final

from protos.v1 import common_pb2, translation_pb2, translation_pb2_grpc
from services.shared.config import load
from services.shared.glossary import glossary_of, uses
from services.shared.stage import Handler, Output, Work, run_worker
from services.shared.tasks import TRANSCRIBE, TRANSLATE
from services.translation.languages import primary
from services.translation.settings import TranslationSettings
from services.translation.turns import Turn, turns_before

Document = dict[str, Any]

_NO_MODEL: Final = {"name": "", "revision": "", "sha256": ""}


def translate(work: Work, most_turns: int = 0) -> Output:
    """Translate the unit's transcript, or the job's text, and store the translation.

    A transcript that its engine translated already, an empty one, and one that is in the target
    language anyway are passed on without a call.

    Args:
        work: The unit.
        most_turns: How much of the call before a region goes along, in turns.
    """
    claim = work.claim
    if TRANSCRIBE in claim.inputs:
        key = claim.inputs[TRANSCRIBE]["transcript"]
        return _store(work, _transcript(work, json.loads(work.artifacts.get(key)), most_turns))
    text = work.artifacts.get(claim.spec["input"]["key"]).decode()
    return _store(work, _text(work, text, claim.spec["source_language"], claim.spec["target_language"]))


def _transcript(work: Work, transcript: Document, most_turns: int) -> Document:
    text, payload = transcript["text"], work.claim.payload
    if made := transcript.get("translation"):
        return Document({"warnings": [], "model": transcript["model"]} | made)
    source, target = payload["source_language"], payload["target_language"]
    if text.strip() and primary(source) == primary(target):  # a detected language
        return {"text": text, "warnings": ["same_language"], "model": _NO_MODEL}
    turns = turns_before(work, most_turns) if text.strip() else []
    return _text(work, text, source, target, turns)


def _text(work: Work, text: str, source: str, target: str, turns: Sequence[Turn] = ()) -> Document:
    if not text.strip():
        return {"text": "", "warnings": [], "model": _NO_MODEL}
    stub = translation_pb2_grpc.TranslationStub(work.channels.to("translation"))
    terms = glossary_of(work.claim.spec, work.artifacts).terms(source, target)
    request = translation_pb2.TranslateRequest(
        context=work.context,
        model=work.model("translation"),
        source_language=source,
        target_language=target,
        texts=[text],
        terms=[translation_pb2.Term(**asdict(each)) for each in terms],
        turns=[translation_pb2.Turn(**each) for each in turns],
    )
    response = work.unary(stub.Translate, request)
    (translated,) = response.translations
    # Seen for itself: a server of the version before knows no terms, and its misses must be told.
    found = [use.document() for use in uses(text, translated.text, terms)]
    return {
        "text": translated.text,
        "warnings": list(translated.warnings),
        "model": _model(response.model),
        **({"models": [_model(each) for each in translated.models]} if len(translated.models) > 1 else {}),
        **({"terms": found} if found else {}),
    }


def _model(model: common_pb2.ModelInfo) -> Document:
    return {"name": model.name, "revision": model.revision, "sha256": model.sha256}


def _store(work: Work, document: Document) -> Output:
    key = work.key("translation.json")
    work.artifacts.put(key, json.dumps(document, ensure_ascii=False).encode())
    return Output({"translation": key, "empty": not document["text"].strip()})


HANDLERS: Final[Mapping[str, Handler]] = {TRANSLATE: translate}


def main() -> None:
    """Consume the translation queues until told to stop."""
    settings = load(TranslationSettings)
    handlers = {TRANSLATE: partial(translate, most_turns=settings.turns)}
    run_worker("translation", handlers, settings, settings.translation_workers)


if __name__ == "__main__":
    main()
