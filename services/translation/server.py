"""The translation server: gRPC in front of the core, and nothing else."""

from __future__ import annotations

from typing import Any

import grpc

from protos.v1 import common_pb2, translation_pb2, translation_pb2_grpc
from services.shared.config import load
from services.shared.glossary import Term
from services.shared.rpc.admission import Admission
from services.shared.rpc.server import Lazy, ServerSpec, run
from services.translation.core import Translation, TranslationCore
from services.translation.engines.base import Model
from services.translation.engines.registry import create
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
        core, texts = self._core(), list(request.texts)
        source, target = request.source_language, request.target_language
        terms = [Term(term.source, term.target, term.case_sensitive) for term in request.terms]
        done = await self._admission.run(
            lambda cancelled: core.translate(texts, source, target, cancelled, terms)
        )
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
        pairs = [
            translation_pb2.LanguagePair(source_language=pair.source, target_language=pair.target)
            for pair in core.pairs
        ]
        return translation_pb2.TranslationCapabilities(
            model=_model(core.model), pairs=pairs, slots=self._admission.slots
        )


def _translated(translation: Translation) -> translation_pb2.TranslatedText:
    return translation_pb2.TranslatedText(
        text=translation.text,
        warnings=translation.warnings,
        terms=[
            translation_pb2.TermUse(source=use.term.source, target=use.term.target, hit=use.hit)
            for use in translation.terms
        ],
    )


def _model(model: Model) -> common_pb2.ModelInfo:
    return common_pb2.ModelInfo(name=model.name, revision=model.revision)


def spec(settings: TranslationSettings) -> ServerSpec[TranslationCore]:
    """Return what the translation server is made of."""

    def load_core() -> TranslationCore:
        engine = create(settings.translation_engine, settings)
        core = TranslationCore(engine, settings.translation_max_characters)
        core.self_test()
        return core

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
    )


def main() -> None:
    """Serve until told to stop."""
    settings = load(TranslationSettings)
    run(spec(settings), settings)


if __name__ == "__main__":
    main()
