"""Errors on the wire: DragomanError to gRPC status and back, and the options both sides share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import grpc

from services.shared import errors

CODE_KEY: Final = "dragoman-code"
FAMILY_KEY: Final = "dragoman-family"
# Initial metadata that a server sends before it works on a call.
BEGUN_KEY: Final = "dragoman-begun"
# Trailing metadata of a call that went well: how many ms it held slots of the server, rounded up.
SERVED_KEY: Final = "dragoman-served-ms"

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
    errors.Forbidden: grpc.StatusCode.PERMISSION_DENIED,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.Conflict: grpc.StatusCode.FAILED_PRECONDITION,
    errors.Cancelled: grpc.StatusCode.CANCELLED,
    errors.Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.ConnectionLost: grpc.StatusCode.UNAVAILABLE,
    errors.Unreachable: grpc.StatusCode.ABORTED,
    errors.Timeout: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.StorageFailure: grpc.StatusCode.INTERNAL,
    errors.Misconfigured: grpc.StatusCode.FAILED_PRECONDITION,
    errors.InternalError: grpc.StatusCode.INTERNAL,
}

# What a bare status means when no Dragoman server answered, such as a refused connection.
_BARE: Final[Mapping[grpc.StatusCode, type[errors.DragomanError]]] = {
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.Timeout,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.Overloaded,
    grpc.StatusCode.CANCELLED: errors.Cancelled,
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidRequest,
    grpc.StatusCode.UNIMPLEMENTED: errors.Unsupported,
}
# gRPC gives an oversized message the status of an overload; only its text tells them apart.
_OVERSIZED: Final = "message larger than max"
# The same for a server that is not trusted here, and one that hangs up on a client it does not trust.
_LIBRARY: Final = "OPENSSL_internal:"
_UNTRUSTED: Final = re.compile(rf"{_LIBRARY}[A-Z_]+(: [a-z ]+)?|Hostname Verification Check failed")
_HUNG_UP: Final = re.compile(r"last error: UNAVAILABLE: .*Socket closed")


def status_of(error: errors.DragomanError) -> grpc.StatusCode:
    """Return the status of an error's class, or of the nearest class above it."""
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def trailers(error: errors.DragomanError) -> tuple[tuple[str, str], ...]:
    """Return the trailing metadata that carries an error's code and family."""
    return ((CODE_KEY, error.code), (FAMILY_KEY, error.family))


def served_ms(trailers: Iterable[tuple[str, str | bytes]] | None) -> int:
    """Return how long a call held slots of its server; 0 when the server does not say."""
    return next((int(value) for key, value in trailers or () if key == SERVED_KEY), 0)


def from_rpc(error: grpc.RpcError) -> errors.DragomanError:
    """Return the error that the server raised, or the one a bare status stands for."""
    if not isinstance(error, grpc.Call | grpc.aio.AioRpcError):
        return errors.InternalError("A gRPC call failed without a status.")
    metadata = {key: str(value) for key, value in error.trailing_metadata() or ()}
    if FAMILY_KEY in metadata:
        family = errors.by_family(metadata[FAMILY_KEY])
        return family(error.details() or "", code=metadata.get(CODE_KEY))
    return _from_bare(error)


def _from_bare(error: grpc.Call | grpc.aio.AioRpcError) -> errors.DragomanError:
    """Return what a status stands for that gRPC itself gave, or a server that is none of ours."""
    match error.code():
        case grpc.StatusCode.UNAVAILABLE if _has_begun(error):
            return errors.ConnectionLost("The model service broke off during the call; see its log.")
        case grpc.StatusCode.UNAVAILABLE:
            return _unreached(error.details() or "")
        case grpc.StatusCode.CANCELLED if not _cancelled_here(error):
            # A server that ends drops what it had accepted and not begun.
            return errors.Unavailable("The model service is shutting down (CANCELLED).", code="draining")
        case grpc.StatusCode.RESOURCE_EXHAUSTED if _OVERSIZED in (error.details() or ""):
            return errors.TooLarge(
                f"A message of the call is over {MAX_MESSAGE_BYTES} bytes; send less in one.",
                code="message_too_large",
            )
        case status:
            family = _BARE.get(status, errors.InternalError)
            return family(f"The model service answered {status.name}; see its log.")


def _unreached(cause: str) -> errors.Unavailable:
    if refused := _UNTRUSTED.search(cause):
        reason = refused[0].removeprefix(_LIBRARY)
        return errors.Unavailable(
            f"No TLS with the model service ({reason}); compare DRAGOMAN_TLS_DIR here and there:"
            " whether it is set, and the certificates' authority, names and dates.",
            code="tls_refused",
        )
    if _HUNG_UP.search(cause):
        return errors.Unavailable(
            "The model service hung up before the call (UNAVAILABLE): it ends,"
            " or it wants TLS and does not accept this process's certificate; see its log."
        )
    return errors.Unavailable("The model service cannot be reached, or has no model yet (UNAVAILABLE).")


def _has_begun(error: grpc.Call | grpc.aio.AioRpcError) -> bool:
    return any(key == BEGUN_KEY for key, _ in error.initial_metadata() or ())


def _cancelled_here(error: grpc.Call | grpc.aio.AioRpcError) -> bool:
    return isinstance(error, grpc.Future) and error.cancelled()
