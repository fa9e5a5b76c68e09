"""The codec worker: its stages, and the process that runs them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.codec.decode_stage import decode
from services.codec.encode_stage import encode
from services.codec.fetch_stage import fetch
from services.codec.settings import CodecSettings
from services.shared import tasks
from services.shared.config import load
from services.shared.stage import Handler, run_worker

HANDLERS: Final[Mapping[str, Handler]] = {
    tasks.FETCH: fetch,
    tasks.DECODE: decode,
    tasks.ENCODE: encode,
}


def main() -> None:
    """Work until told to stop."""
    settings = load(CodecSettings)
    run_worker("codec", HANDLERS, settings, settings.codec_workers)


if __name__ == "__main__":
    main()
