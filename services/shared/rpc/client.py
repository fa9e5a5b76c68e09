"""Calling the model services: channels with balancing and retries, and errors that come back typed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

import grpc

from protos.v1 import asr_pb2, codec_pb2, translation_pb2, tts_pb2
from services.shared.errors import Cancelled
from services.shared.rpc import wire

R = TypeVar("R")

# The channel repeats a call only until a server says that it has begun (wire.BEGUN_KEY): from then on the
# ledger decides. Methods that answer with a stream are left out: when their connection breaks before that,
# gRPC (1.85) tries again and then never ends the call, not even at its deadline.
RETRIED: Final = [
    {"service": service.full_name, "method": method.name}
    for file in (asr_pb2, codec_pb2, translation_pb2, tts_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
    if not method.server_streaming
]
_SERVICE_CONFIG: Final = json.dumps(
    {
        "loadBalancingConfig": [{"round_robin": {}}],
        # Replicas that load their model or drain get no calls.
        "healthCheckConfig": {"serviceName": ""},
        "methodConfig": [
            {
                "name": RETRIED,
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.1s",
                    "maxBackoff": "1s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ],
        "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
    }
)
_OPTIONS: Final = (
    ("grpc.service_config", _SERVICE_CONFIG),
    ("grpc.max_receive_message_length", wire.MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", wire.MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 60_000),
    # A server that comes back is found soon, however long it was away.
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.enable_http_proxy", 0),
)


def channel(target: str) -> grpc.Channel:
    """Open a channel to a model service.

    Make it lazily, after any fork, once per process: channels made before a fork fail in the child.

    Args:
        target: Such as "127.0.0.1:50051" or "dns:///asr:50051".
    """
    return grpc.insecure_channel(target, options=_OPTIONS)


class Channels:
    """The channels of one process, each opened at its first use.

    Args:
        target_of: Returns the gRPC target of a service's name.
    """

    def __init__(self, target_of: Callable[[str], str]) -> None:
        self._target_of = target_of
        self._open: dict[str, grpc.Channel] = {}
        self._lock = threading.Lock()

    def to(self, service: str) -> grpc.Channel:
        """Return the channel to a service, such as "asr"."""
        with self._lock:
            if service not in self._open:
                self._open[service] = channel(self._target_of(service))
            return self._open[service]

    def close(self) -> None:
        """Close every channel."""
        with self._lock:
            for each in self._open.values():
                each.close()
            self._open.clear()


def call(start: Callable[[], R]) -> R:
    """Run a unary call.

    Raises:
        DragomanError: what the server raised, or what the bare status stands for.
    """
    try:
        return start()
    except grpc.FutureCancelledError:
        raise Cancelled("The call was cancelled here.") from None
    except grpc.RpcError as error:
        raise wire.from_rpc(error) from error


def stream(start: Callable[[], Iterable[R]]) -> Iterator[R]:
    """Iterate over a streaming response; raises as `call` does."""
    try:
        yield from start()
    except grpc.RpcError as error:
        raise wire.from_rpc(error) from error


def chunks(data: bytes, size_bytes: int = wire.CHUNK_BYTES) -> Iterator[bytes]:
    """Cut bytes into pieces for a stream."""
    for start in range(0, len(data), size_bytes):
        yield data[start : start + size_bytes]
