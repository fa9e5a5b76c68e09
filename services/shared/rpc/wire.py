"""Errors on the wire: DragomanError to gRPC status and back, and the options both sides share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import grpc

from services.shared import errors

CODE_KEY: Final = "dragoman-code"
FAMILY_KEY: Final = "dragoman-family"

# Chunks of 64 KiB flow well; the cap leaves room for a whole region in one unary message.
CHUNK_BYTES: Final = 64 * 1024
MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024

STATUS: Final[Mapping[type[errors.DragomanError], grpc.StatusCode]] = {
    errors.DragomanError: grpc.StatusCode.UNKNOWN,
    errors.InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
    errors.InvalidMedia: grpc.StatusCode.INVALID_ARGUMENT,
    errors.Unsupported: grpc.StatusCode.INVALID_ARGUMENT,
    errors.TooLarge: grpc.StatusCode.OUT_OF_RANGE,
    errors.Unauthorized: grpc.StatusCode.UNAUTHENTICATED,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.Conflict: grpc.StatusCode.FAILED_PRECONDITION,
    errors.Cancelled: grpc.StatusCode.CANCELLED,
    errors.Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.Timeout: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.StorageFailure: grpc.StatusCode.INTERNAL,
    errors.Misconfigured: grpc.StatusCode.FAILED_PRECONDITION,
    errors.InternalError: grpc.StatusCode.INTERNAL,
}

# What a bare status means when no Dragoman server answered, such as a refused connection.
_BARE: Final[Mapping[grpc.StatusCode, type[errors.DragomanError]]] = {
    grpc.StatusCode.UNAVAILABLE: errors.Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.Timeout,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.Overloaded,
    grpc.StatusCode.CANCELLED: errors.Cancelled,
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidRequest,
    grpc.StatusCode.UNIMPLEMENTED: errors.Unsupported,
}


def status_of(error: errors.DragomanError) -> grpc.StatusCode:
    """Return the status of an error's class, or of the nearest class above it."""
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def trailers(error: errors.DragomanError) -> tuple[tuple[str, str], ...]:
    """Return the trailing metadata that carries an error's code and family."""
    return ((CODE_KEY, error.code), (FAMILY_KEY, error.family))


def from_rpc(error: grpc.RpcError) -> errors.DragomanError:
    """Return the error that the server raised, or the one a bare status stands for."""
    if not isinstance(error, grpc.Call):
        return errors.InternalError("A gRPC call failed without a status.")
    metadata = {key: str(value) for key, value in error.trailing_metadata() or ()}
    status, detail = error.code(), error.details() or ""
    if FAMILY_KEY in metadata:
        return errors.by_family(metadata[FAMILY_KEY])(detail, code=metadata.get(CODE_KEY))
    family = _BARE.get(status, errors.InternalError)
    return family(f"The model service answered {status.name}; see its log.")
