"""What all codec stages put into their calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from protos.v1 import codec_pb2

_RAW_FORMAT: Final = ("encoding", "sample_rate_hertz", "channel_count")


def raw_format(source: Mapping[str, Any]) -> codec_pb2.RawFormat | None:
    """Return what a job says of a file without a header; None when it says nothing."""
    raw = {name: source[name] for name in _RAW_FORMAT if name in source}
    return codec_pb2.RawFormat(**raw) if raw else None
