"""The codec room's knobs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from services.shared.config import Settings

Positive = Annotated[int, Field(gt=0)]


class CodecSettings(Settings):
    """What only the codec server and its worker need to know."""

    codec_engines: str = Field(
        "pyav,gsm",
        description="Engines with commas (pyav, gsm, encodec:MODEL); each adds what it writes and opens.",
    )
    codec_verify: bool = Field(
        default=True, description="Whether encoded files are read back before they leave."
    )
    codec_streams: Positive = Field(32, description="Streams of packets that are open at once.")
    codec_device: str = Field("cpu", description="Where EnCodec computes: cpu, cuda or cuda:N.")
    codec_threads: Positive = Field(1, description="Threads of PyTorch for each of EnCodec's batches.")
    codec_language_max_s: Positive = Field(
        300, description="Longest audio for EnCodec's language model, which works at thrice its speed."
    )
    codec_batch: Positive = Field(8, description="Pieces of calls and streams in one batch of EnCodec.")
    codec_slots: Positive = Field(2, description="Files decoded or encoded at once.")
    codec_queue: int = Field(16, ge=0, description="Calls that may wait for a slot.")
    codec_workers: Positive = Field(4, description="Units that the stage worker handles at once.")

    codec_max_duration_s: Positive = Field(7_200, description="Longest recording and longest timeline.")
    codec_max_file_bytes: Positive = Field(2 << 30, description="Largest recording, as it was sent.")
    codec_max_decoded_bytes: Positive = Field(4 << 30, description="Most PCM in one call, on disk.")
    codec_decoder_cpu_s: Positive = Field(300, description="Processor seconds that one file may take.")
    codec_decoder_wall_s: float = Field(600.0, gt=0, description="Seconds that one file may take.")
    codec_decoder_memory_bytes: Positive = Field(1 << 30, description="Address space of a decoder process.")
