"""EnCodec at 24 kHz: files that the encodec package reads and writes, and streams of packets."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import BinaryIO, Final

import numpy as np
import torch
from encodec.model import LMModel

from services.codec import limits
from services.codec.completeness import damaged
from services.codec.engines import ecdc, encodec_entropy, encodec_model
from services.codec.engines.base import (
    Cancelled,
    CodecDescription,
    Decoded,
    DecodeOrder,
    Samples,
    Target,
    never,
)
from services.codec.engines.ecdc import Codes, Header
from services.codec.engines.encodec_entropy import CodingError
from services.codec.engines.encodec_pieces import (
    MOST_FRAMES,
    PACKET_FRAMES,
    Decoding,
    EncodecAudio,
    EncodecPackets,
    Encoding,
)
from services.codec.engines.resampling import resample
from services.codec.settings import CodecSettings
from services.codec.sniff import Container
from services.codec.spool import spool
from services.shared import errors, telemetry
from services.shared.batching import Limits
from services.shared.engines import Model
from services.shared.models.places import find

PLAIN: Final = "encodec"
MODELLED: Final = "encodec-lm"
_PACKET_MS: Final = 1000 * PACKET_FRAMES // ecdc.FRAMES_PER_S


class EncodecEngine:
    """Writes `.ecdc` files and opens them.

    Args:
        net: The networks.
        language: Its language model; None where there is none.
        model: Which weights.
        language_max_s: Longest audio that the language model works on.
    """

    def __init__(
        self, net: encodec_model.Encodec, language: LMModel | None, model: Model, language_max_s: int = 300
    ) -> None:
        self._net = net
        self._language = language
        self._model = model
        self._language_max_s = language_max_s
        names = [PLAIN, MODELLED] if language is not None else [PLAIN]
        self._codecs = MappingProxyType({name: _description(name, model) for name in names})

    @property
    def model(self) -> Model:
        """The codec's weights and the language model's."""
        return self._model

    @property
    def codecs(self) -> Mapping[str, CodecDescription]:
        """With the language model and without."""
        return self._codecs

    @property
    def containers(self) -> tuple[str, ...]:
        """Its own."""
        return ("ecdc",)

    def decode(
        self, source: BinaryIO, container: Container, order: DecodeOrder, cancelled: Cancelled
    ) -> Decoded:
        """Take a file apart, in this process: no byte of it but numbers from 0 to 1023 goes to PyTorch."""
        _stop_if(cancelled)
        if container.name not in self.containers:
            raise errors.Unsupported("EnCodec only opens .ecdc files.", code="unsupported_codec")
        source.seek(0)
        header = ecdc.read_header(source)
        limits.check_duration(header.sample_count, ecdc.RATE_HZ, order.max_duration_ms)
        rate_hz = order.sample_rate_hz or ecdc.RATE_HZ
        if 2 * header.sample_count * rate_hz > order.max_output_bytes * ecdc.RATE_HZ:
            raise errors.TooLarge("The recording is too long. Cut it into parts.", code="media_too_long")
        codes = self._read(source, header, cancelled)
        sink = spool()
        try:
            count = 0
            for block in resample(self._heard(codes, header, cancelled), ecdc.RATE_HZ, rate_hz):
                sink.write(block.tobytes())
                count += len(block)
            sink.flush()
        except BaseException:
            sink.close()
            raise
        return Decoded(PLAIN, ecdc.RATE_HZ, rate_hz, count, (sink,))

    def encode(
        self, blocks: Iterable[Samples], target: Target, sink: BinaryIO, cancelled: Cancelled = never
    ) -> str:
        """Write a file; with the language model only where what was written could be read back."""
        encoding = Encoding(self._net, self._codebooks(target))
        done: list[Codes] = []
        count = 0
        for block in blocks:
            done += encoding.push(block[:, 0])
            count += len(block)
        if ecdc.frames_of(count) * ecdc.FRAME_SAMPLES > count + ecdc.FRAME_SAMPLES - 1:
            # The frame too many that the package's reader wants.
            done += encoding.push(np.zeros(ecdc.FRAME_SAMPLES, np.int16))
        codes = np.concatenate([*done, *encoding.finish()], axis=1)
        bits = self._modelled(codes, count, cancelled) if target.codec == MODELLED else None
        written = PLAIN if bits is None else MODELLED
        header = Header(count, len(codes), modelled=written == MODELLED, checksum=ecdc.checksum(codes))
        ecdc.write_header(sink, header)
        sink.write(ecdc.pack(codes) if bits is None else bits)
        return written

    def measure(self, source: BinaryIO, _target: Target, _cancelled: Cancelled) -> float:
        """Compare the codes with the checksum; what the language model wrote was read back when it did."""
        source.seek(0)
        header = ecdc.read_header(source)
        if not header.modelled:
            ecdc.read_codes(source, header)
        return header.sample_count / ecdc.RATE_HZ

    def packet_encoder(self, target: Target) -> EncodecPackets:
        """Begin a stream."""
        return EncodecPackets(self._net, self._codebooks(target))

    def packet_decoder(self, target: Target) -> EncodecAudio:
        """Begin to decode one."""
        return EncodecAudio(self._net, self._codebooks(target))

    def resample(self, blocks: Iterable[Samples], source_hz: int, target_hz: int) -> Iterator[Samples]:
        """Convert with swresample."""
        return resample(blocks, source_hz, target_hz)

    def close(self) -> None:
        """End the threads that run batches."""
        self._net.close()

    def _codebooks(self, target: Target) -> int:
        return min(encodec_model.codebooks_of(target.bitrate_kbps), self._net.codebook_count)

    def _modelled(self, codes: Codes, sample_count: int, cancelled: Cancelled) -> bytes | None:
        """Return codes as the language model's bits, None where they do not come back."""
        if self._language is None or sample_count > self._language_max_s * ecdc.RATE_HZ:
            telemetry.logger().warning("too long for the language model, written without it")
            return None
        sink = io.BytesIO()
        check = _checking(cancelled)
        try:
            encodec_entropy.write(codes, self._language, sink, check)
            sink.seek(0)
            again = encodec_entropy.read(sink, codes.shape, self._language, check)
        except (CodingError, errors.InvalidMedia):
            again = None
        if again is None or not np.array_equal(codes, again):
            telemetry.logger().warning("the language model lost codes, written without it")
            return None
        return sink.getvalue()

    def _read(self, source: BinaryIO, header: Header, cancelled: Cancelled) -> Codes:
        if header.codebooks > self._net.codebook_count:
            raise damaged("It has more codebooks than the model.")
        if not header.modelled:
            return ecdc.read_codes(source, header)
        if self._language is None:
            raise errors.Unsupported(
                "The file is compressed with EnCodec's language model, which this server does not have.",
                code="unsupported_codec",
            )
        limits.check_duration(header.sample_count, ecdc.RATE_HZ, self._language_max_s * 1000)
        try:
            # The package leaves out what our own writer's checksum counts.
            ours = header.checksum is not None
            shape = header.codebooks, header.frame_count if ours else header.sounding_frames
            codes = encodec_entropy.read(source, shape, self._language, _checking(cancelled))
        except CodingError:
            raise damaged("Its codes do not follow from one another.") from None
        ecdc.check(codes, header)
        return codes

    def _heard(self, codes: Codes, header: Header, cancelled: Cancelled) -> Iterator[Samples]:
        """Yield a file's samples, without what fills up its last frame."""
        decoding = Decoding(self._net)
        left = header.sample_count
        for start in range(0, codes.shape[1], MOST_FRAMES):
            _stop_if(cancelled)
            samples = decoding.push(codes[:, start : start + MOST_FRAMES])[:left]
            left -= len(samples)
            yield samples
        yield decoding.finish()[:left]


def _description(name: str, model: Model) -> CodecDescription:
    return CodecDescription(
        name,
        "audio/x-ecdc",
        "ecdc",
        encodec_model.KBPS,
        6,
        (ecdc.RATE_HZ,),
        1,
        packet_ms=_PACKET_MS if name == PLAIN else 0,
        model=model,
    )


def _checking(cancelled: Cancelled) -> Callable[[], None]:
    return lambda: _stop_if(cancelled)


def _stop_if(cancelled: Cancelled) -> None:
    if cancelled():
        raise errors.Cancelled("The caller went away while EnCodec worked on its file.")


def load(settings: CodecSettings, model: str = "") -> EncodecEngine:
    """Load the weights from a folder; nothing is downloaded.

    Raises:
        Misconfigured: codes model_missing, model_damaged, device_missing.
    """
    if not model:
        raise errors.Misconfigured(
            "EnCodec needs to know where its weights are: write encodec:/folder or encodec:owner/name into "
            "DRAGOMAN_CODEC_ENGINES.",
            code="model_missing",
        )
    place = find(settings.models_dir, model)
    torch.set_num_threads(settings.codec_threads)
    # A GPU runs one batch after another; of processor cores each slot has its own.
    runners = settings.codec_slots if settings.codec_device == "cpu" else 1
    batches = Limits(settings.codec_batch, runners=runners)
    net, language = encodec_model.load(place.folder, settings.codec_device, batches)
    return EncodecEngine(net, language, place.model, settings.codec_language_max_s)
