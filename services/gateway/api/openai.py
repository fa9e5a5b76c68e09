"""The OpenAI-compatible routes: transcriptions, translations, speech, models."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from services.gateway.access.model import Scope
from services.gateway.api import openai_speech, openai_transcriptions
from services.gateway.api.context import Wired, placed, requires
from services.gateway.api.openai_views import ModelsView, ModelView
from services.gateway.inference import models
from services.shared.errors import NotFound

# What goes to the model servers: each request holds one of its tenant's places.
_audio = APIRouter(dependencies=[Depends(placed)])
_audio.include_router(openai_transcriptions.router)
_audio.include_router(openai_speech.router)

_models = APIRouter(prefix="/v1/models", dependencies=[Depends(requires(Scope.AUDIO))])


@_models.get("")
def list_models(context: Wired) -> ModelsView:
    """List the models, and the names that clients of OpenAI's API know, which stand for them."""
    return ModelsView(data=[ModelView(id=name) for name in models.names(context.capabilities)])


@_models.get("/{model:path}")
def get_model(model: str, context: Wired) -> ModelView:
    """Return one model."""
    if model not in models.names(context.capabilities):
        raise NotFound(
            "There is no such model; GET /v1/models lists those that there are.", code="model_not_found"
        )
    return ModelView(id=model)


router = APIRouter(tags=["openai"])
router.include_router(_audio)
router.include_router(_models)
