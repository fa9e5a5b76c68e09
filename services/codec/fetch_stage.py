"""The fetch stage: what a job's URL leads to in, the job's file out."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import Final

from protos.v1 import codec_pb2, codec_pb2_grpc
from services.codec.stage_calls import raw_format
from services.shared.config import Settings, load
from services.shared.errors import Cancelled, InvalidMedia
from services.shared.outbound.asking import Caps, download
from services.shared.outbound.policy import Policy, patterns
from services.shared.stage import Output, Work

# As much as the codec asks for to tell what a file is.
_HEAD_BYTES: Final = 64 * 1024
# Servers of recordings often know no better than the last ones; what it truly is, the probe finds out.
_CONTENT_TYPES: Final = (
    "audio/*", "video/*", "application/octet-stream", "binary/octet-stream", "application/ogg",
    "application/mp4", "",
)  # fmt: skip


def fetch(work: Work) -> Output:
    """Keep what the job's URL leads to, if it is a file that can be decoded.

    Raises:
        InvalidRequest, InvalidMedia, TooLarge, Unreachable: as services.shared.outbound.asking.download.
        InvalidMedia: (empty_file, and the codec's own codes) it is no recording.
    """
    source = work.claim.spec["input"]
    key = work.key("input")
    # When a unit is run and not before: a worker that fetches nothing needs no settings for it.
    with closing(_pieces(work, source["url"], load(Settings))) as pieces:
        stored = work.artifacts.put(key, pieces)
    if not stored.size_bytes:
        raise InvalidMedia("The URL leads to an empty file.", code="empty_file")
    head = b"".join(work.artifacts.stream(key, 0, _HEAD_BYTES))
    stub = codec_pb2_grpc.CodecStub(work.channels.to("codec"))
    request = codec_pb2.ProbeRequest(
        context=work.context, head=head, size_bytes=stored.size_bytes, raw_format=raw_format(source)
    )
    container = work.unary(stub.Probe, request).container
    document = {"key": key, "size_bytes": stored.size_bytes, "container": container}
    return Output(document, stored_bytes=stored.size_bytes)


def _pieces(work: Work, url: str, settings: Settings) -> Generator[bytes]:
    policy = Policy.of(settings, patterns(settings.fetch_allowed_hosts))
    caps = Caps(
        total_s=settings.fetch_timeout_s, max_bytes=settings.fetch_max_bytes, content_types=_CONTENT_TYPES
    )
    for piece in download(url, policy, caps):
        if work.lease.ended:
            raise Cancelled("The job was cancelled while its file was fetched.")
        yield piece
