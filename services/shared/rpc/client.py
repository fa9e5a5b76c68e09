"""Calling the model services: channels with balancing and retries, and errors that come back typed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

import grpc

from protos.v1 import asr_pb2, codec_pb2, models_pb2, translation_pb2, tts_pb2
from services.shared import telemetry
from services.shared.config import Settings
from services.shared.errors import Cancelled
from services.shared.rpc import wire
from services.shared.rpc.tls import Identities, Identity
from services.shared.rpc.tracing import AroundOwnCalls

R = TypeVar("R")
Options = tuple[tuple[str, str | int], ...]

# The channel repeats a call only until a server says that it has begun (wire.BEGUN_KEY): from then on the
# ledger decides. Methods that answer with a stream are left out: when their connection breaks before that,
# gRPC (1.85) tries again and then never ends the call, not even at its deadline.
RETRIED: Final = [
    {"service": service.full_name, "method": method.name}
    for file in (asr_pb2, codec_pb2, models_pb2, translation_pb2, tts_pb2)
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
OPTIONS: Final[Options] = (
    ("grpc.service_config", _SERVICE_CONFIG),
    ("grpc.max_receive_message_length", wire.MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", wire.MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 60_000),
    # A server that comes back is found soon, however long it was away.
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.enable_http_proxy", 0),
)
# What DRAGOMAN_UNIT_DEADLINE_S is by default.
_LONGEST_S: Final = 600.0
# For a call that was begun just before its channel was replaced.
_MARGIN_S: Final = 10.0


def channel(target: str, identity: Identity | None = None, options: Options = OPTIONS) -> grpc.Channel:
    """Open a channel to a model service.

    Make it lazily, after any fork, once per process: channels made before a fork fail in the child.

    Args:
        target: Such as "127.0.0.1:50051" or "dns:///asr:50051".
        identity: For mutual TLS; the server must prove to be the host that the target names.
        options: Of the channel.
    """
    opened = (
        grpc.insecure_channel(target, options)
        if identity is None
        else grpc.secure_channel(target, identity.for_channel(), options)
    )
    return grpc.intercept_channel(opened, AroundOwnCalls()) if telemetry.tracing() else opened


@dataclass(frozen=True, slots=True)
class _Opened:
    channel: grpc.Channel
    identity: Identity | None


class Channels:
    """The channels of one process, each opened at its first use, and again when its certificate was renewed.

    Args:
        target_of: Returns the gRPC target of a service's name.
        identities: For mutual TLS.
        longest_s: Most seconds that a call lasts; so long a replaced channel is kept for those that run.
    """

    def __init__(
        self,
        target_of: Callable[[str], str],
        identities: Identities | None = None,
        longest_s: float = _LONGEST_S,
    ) -> None:
        self._target_of = target_of
        self._identities = identities
        self._longest_s = longest_s
        self._open: dict[str, _Opened] = {}
        self._lock = threading.Lock()

    @classmethod
    def of(cls, settings: Settings) -> Channels:
        """Return the channels that the settings describe.

        Raises:
            Misconfigured: the files for TLS are missing or wrong.
        """
        return cls(settings.target_of, Identities.of(settings), settings.unit_deadline_s)

    def to(self, service: str) -> grpc.Channel:
        """Return the channel to a service, such as "asr". Ask for it before each call."""
        identity = None if self._identities is None else self._identities.now()
        with self._lock:
            opened = self._open.get(service)
            if opened is None or opened.identity is not identity:
                self._retire(opened)
                opened = _Opened(channel(self._target_of(service), identity), identity)
                self._open[service] = opened
            return opened.channel

    def _retire(self, opened: _Opened | None) -> None:
        """Close a channel when its last call has ended, at the latest at its deadline."""
        if opened is not None:
            closing = threading.Timer(self._longest_s + _MARGIN_S, opened.channel.close)
            closing.daemon = True
            closing.start()

    def close(self) -> None:
        """Close every channel that is in use."""
        with self._lock:
            for each in self._open.values():
                each.channel.close()
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
