"""Asks the codec service what a file is: the gateway itself never opens media."""

from __future__ import annotations

from protos.v1 import codec_pb2, codec_pb2_grpc, common_pb2
from services.gateway.jobs.ids import uuid7_hex
from services.gateway.jobs.ports import RawFormat
from services.shared.rpc import client


class GrpcMediaProbe:
    """The media probe of a running installation.

    Args:
        channels: To the codec service.
        timeout_s: Wait for the answer.
    """

    def __init__(self, channels: client.Channels, timeout_s: float) -> None:
        self._channels = channels
        self._timeout_s = timeout_s

    def probe(self, head: bytes, size_bytes: int, raw_format: RawFormat | None) -> str:
        """Return the container's name; raises InvalidMedia for what cannot be decoded."""
        request = codec_pb2.ProbeRequest(
            context=common_pb2.RequestContext(request_id=f"req_{uuid7_hex()}", tenant="gateway"),
            head=head,
            size_bytes=size_bytes,
        )
        if raw_format is not None:
            request.raw_format.encoding = raw_format.encoding
            request.raw_format.sample_rate_hertz = raw_format.sample_rate_hertz
            request.raw_format.channel_count = raw_format.channel_count
        stub = codec_pb2_grpc.CodecStub(self._channels.to("codec"))
        return client.call(lambda: stub.Probe(request, timeout=self._timeout_s)).container
