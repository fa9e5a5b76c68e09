"""The route of /v1/stages: how deep each stage is, and what this installation can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from fastapi import APIRouter, Depends

from services.gateway.access.model import Scope
from services.gateway.api.context import Wired, requires
from services.gateway.api.schemas import CapabilitiesView, ScalingView, StagesView, StageView
from services.gateway.jobs.abilities import AsrModel, Capabilities, Pair, Voice
from services.shared.errors import DragomanError

T = TypeVar("T")

router = APIRouter(tags=["stages"], dependencies=[Depends(requires(Scope.STAGES_READ))])


@router.get("/v1/stages")
def stages(context: Wired) -> StagesView:
    """Return the depth of every stage, the languages, pairs, voices and codecs, and the desired sizes."""
    depths = context.store.depths()
    return StagesView(
        stages=[StageView(name=name, **asdict(depth)) for name, depth in depths.items()],
        scaling=[ScalingView(**asdict(each)) for each in context.scaling()],
        capabilities=_capabilities(context.capabilities),
    )


def _capabilities(known: Capabilities) -> CapabilitiesView:
    asr, translation = _answer(known.asr), _answer(known.translation)
    tts, codec = _answer(known.tts), _answer(known.codec)
    return CapabilitiesView.model_validate(
        {
            "languages": asr and list(asr.languages),
            "translates_to_english": asr and asr.translates_to_english,
            "pairs": translation and [_pair(pair) for pair in translation.pairs],
            "voices": tts and [_voice(voice) for voice in tts.voices],
            "codecs": codec and [asdict(each) for each in codec.codecs],
            "containers": codec and list(codec.containers),
            "models": {
                "asr": asr and [asdict(each.model) | _abilities(each) for each in asr.models],
                "translation": translation and [asdict(each) for each in translation.models],
                "tts": tts and [asdict(each) for each in tts.models],
            },
        }
    )


def _abilities(model: AsrModel) -> dict[str, Any]:
    return {"languages": list(model.languages), "translates_to_english": model.translates_to_english}


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        "source_language": pair.source,
        "target_language": pair.target,
        "models": list(pair.models),
        "pivot_language": pair.pivot or None,
    }


def _voice(voice: Voice) -> dict[str, Any]:
    return asdict(voice) | {"gender": voice.gender or None, "model": voice.model or None}


def _answer(ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except DragomanError:
        return None
