"""The service dragoman.v1.Models: which models a server holds, and another one in the place of one."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from protos.v1 import common_pb2, models_pb2, models_pb2_grpc
from services.shared.engines import reference
from services.shared.errors import InvalidRequest
from services.shared.residents import Residents, Status
from services.shared.rpc.lazy import Lazy


class ModelServicer(models_pb2_grpc.ModelsServicer):
    """Answers for the engines of one server.

    Whoever may call the server may exchange its models: clients of the gateway never get here, and with
    DRAGOMAN_TLS_DIR only those get here whose certificate the installation's authority vouches for.

    Args:
        residents: The engines, once they are there.
    """

    def __init__(self, residents: Lazy[Residents[Any, Any]]) -> None:
        self._residents = residents

    async def ListModels(  # noqa: N802 - gRPC's name
        self, _request: models_pb2.ListModelsRequest, _context: grpc.aio.ServicerContext[Any, Any]
    ) -> models_pb2.ListModelsResponse:
        """Say what is held, in order of preference."""
        return models_pb2.ListModelsResponse(models=map(_served, self._residents().statuses))

    async def SwitchModel(  # noqa: N802 - gRPC's name
        self, request: models_pb2.SwitchModelRequest, _context: grpc.aio.ServicerContext[Any, Any]
    ) -> models_pb2.SwitchModelResponse:
        """Exchange one in a thread, whether or not the caller waits for it."""
        if not request.reference or not request.replacement:
            raise InvalidRequest("Name a model of ListModels and its replacement.", code="model_not_named")
        switch = self._residents().switch
        fresh = await asyncio.to_thread(switch, reference(request.reference), reference(request.replacement))
        return models_pb2.SwitchModelResponse(model=_served(fresh))


def _served(status: Status[Any]) -> models_pb2.ServedModel:
    model = status.model
    loaded = models_pb2.MODEL_STATE_LOADED if status.loaded else models_pb2.MODEL_STATE_UNLOADED
    return models_pb2.ServedModel(
        reference=str(status.reference),
        model=common_pb2.ModelInfo(name=model.name, revision=model.revision, sha256=model.sha256),
        state=loaded,
        size_bytes=model.size_bytes,
        calls=status.calls,
    )
