"""The codec engines by name."""

from __future__ import annotations

from typing import Final

from services.codec.engines.base import CodecEngine
from services.codec.settings import CodecSettings
from services.shared.engines import EngineSpec, Reference, load_engine, table

ENGINES: Final = table(
    EngineSpec(
        "pyav",
        "services.codec.engines.pyav",
        ("av",),
        "lite",
        "FFmpeg, bundled with PyAV; decodes in a process apart.",
    ),
    EngineSpec(
        "gsm",
        "services.codec.engines.gsm",
        ("soundfile", "av"),
        "codec",
        "Writes GSM 06.10 with libsndfile, bare and as WAV49; FFmpeg only reads it.",
    ),
    EngineSpec(
        "encodec",
        "services.codec.engines.encodec",
        ("encodec", "torch", "av"),
        "encodec",
        "EnCodec at 24 kHz, 1.5 to 24 kbit/s, in and out of .ecdc files and as packets; PyTorch.",
    ),
    EngineSpec("fake", "services.codec.engines.fake", (), "", "16-bit WAV in, 16-bit WAV out; no FFmpeg."),
)


def create(wanted: Reference, settings: CodecSettings) -> CodecEngine:
    """Load an engine.

    Raises:
        Misconfigured: there is no such engine (unknown_engine), its packages are not installed
            (missing_package), or its model is not there.
    """
    engine: CodecEngine = load_engine("codec", ENGINES, wanted, settings)
    return engine
