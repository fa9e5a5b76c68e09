"""The route of /v1/stages: how deep each stage is, and what this installation can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TypeVar

from fastapi import APIRouter, Depends

from services.gateway.access.model import Scope
from services.gateway.api.context import Wired, requires
from services.gateway.api.schemas import CapabilitiesView, ScalingView, StagesView, StageView
from services.gateway.jobs.ports import Capabilities
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
            "pairs": translation
            and [{"source_language": one, "target_language": other} for one, other in translation.pairs],
            "voices": tts and [asdict(voice) for voice in tts.voices],
            "codecs": codec and [asdict(each) for each in codec.codecs],
            "containers": codec and list(codec.containers),
        }
    )


def _answer(ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except DragomanError:
        return None
