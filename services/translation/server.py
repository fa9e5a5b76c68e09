"""The translation server: gRPC in front of the core, and nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from protos.v1 import common_pb2, translation_pb2, translation_pb2_grpc
from services.shared.config import load
from services.shared.engines import Model
from services.shared.glossary import Term
from services.shared.rpc.admission import Admission
from services.shared.rpc.server import Lazy, ServerSpec, run
from services.translation.core import Task, Translation, TranslationCore
from services.translation.engines.base import Turn
from services.translation.engines.trade import residents
from services.translation.languages import Pair
from services.translation.routes import Route
from services.translation.settings import TranslationSettings


class TranslationServicer(translation_pb2_grpc.TranslationServicer):
    """dragoman.v1.Translation."""

    def __init__(self, core: Lazy[TranslationCore], admission: Admission) -> None:
        self._core = core
        self._admission = admission

    async def Translate(  # noqa: N802 - the proto's name
        self,
        request: translation_pb2.TranslateRequest,
        _context: grpc.aio.ServicerContext[Any, Any],
    ) -> translation_pb2.TranslateResponse:
        """Translate texts one to one, in order."""
        core, task = self._core(), _task(request)
        done = await self._admission.run(lambda cancelled: core.translate(task, cancelled))
        return translation_pb2.TranslateResponse(
            translations=map(_translated, done.texts), model=_model(done.model)
        )

    async def GetCapabilities(  # noqa: N802 - the proto's name
        self,
        _request: common_pb2.CapabilitiesRequest,
        _context: grpc.aio.ServicerContext[Any, Any],
    ) -> translation_pb2.TranslationCapabilities:
        """Say which pairs there are."""
        core = self._core()
        models = [_model(model) for model in core.models]
        # In a thread, for a model of 200 languages has 40,000 pairs.
        pairs = await asyncio.to_thread(lambda: [_pair(*each) for each in core.best.items()])
        return translation_pb2.TranslationCapabilities(
            model=models[0],
            models=models,
            pairs=pairs,
            slots=self._admission.slots,
            # Not what is admitted: an engine that takes one sentence at a time gains nothing from company.
            batch=min(core.batch, self._admission.batch),
        )


def _task(request: translation_pb2.TranslateRequest) -> Task:
    return Task(
        texts=list(request.texts),
        source=request.source_language,
        target=request.target_language,
        terms=[Term(term.source, term.target, term.case_sensitive) for term in request.terms],
        turns=[Turn(turn.role, turn.text, turn.language_code) for turn in request.turns],
        model=request.model,
        max_characters=max(0, request.max_characters),
    )


def _pair(pair: Pair, route: Route) -> translation_pb2.LanguagePair:
    return translation_pb2.LanguagePair(
        source_language=pair.source,
        target_language=pair.target,
        models=map(_model, route.models),
        pivot_language=route.pivot,
    )


def _translated(translation: Translation) -> translation_pb2.TranslatedText:
    return translation_pb2.TranslatedText(
        text=translation.text,
        warnings=translation.warnings,
        terms=[
            translation_pb2.TermUse(source=use.term.source, target=use.term.target, hit=use.hit)
            for use in translation.terms
        ],
        models=map(_model, translation.models),
    )


def _model(model: Model) -> common_pb2.ModelInfo:
    return common_pb2.ModelInfo(name=model.name, revision=model.revision, sha256=model.sha256)


def spec(settings: TranslationSettings) -> ServerSpec[TranslationCore]:
    """Return what the translation server is made of."""

    def load_core() -> TranslationCore:
        return TranslationCore(residents(settings), settings.translation_max_characters)

    def register(server: grpc.aio.Server, core: Lazy[TranslationCore], admission: Admission) -> None:
        servicer = TranslationServicer(core, admission)
        translation_pb2_grpc.add_TranslationServicer_to_server(servicer, server)

    return ServerSpec(
        service="translation",
        grpc_name="dragoman.v1.Translation",
        load=load_core,
        register=register,
        slots=settings.translation_slots,
        queue=settings.translation_queue,
        batch=settings.translation_batch,
        residents=lambda core: core.residents,
    )


def main() -> None:
    """Serve until told to stop."""
    settings = load(TranslationSettings)
    run(spec(settings), settings)


if __name__ == "__main__":
    main()
