"""A recording's way through EnCodec, piece by piece: samples to codes and back, whole or in packets."""

from __future__ import annotations

import numpy as np

from services.codec.engines import ecdc
from services.codec.engines.base import Samples
from services.codec.engines.ecdc import FRAME_SAMPLES, Codes
from services.codec.engines.encodec_model import Encodec
from services.codec.engines.encodec_net import Piece, State
from services.shared.errors import InvalidMedia

# The most that runs at once: more takes memory and gains no speed.
MOST_FRAMES = 150
PACKET_FRAMES = 6
_FULL_SCALE = 32_768


class Encoding:
    """Samples in, codes out.

    Args:
        net: Does it.
        codebooks: How many.
        least_frames: Pieces are multiples of it; as long as MOST_FRAMES they go well with those of others.
    """

    def __init__(self, net: Encodec, codebooks: int, least_frames: int = MOST_FRAMES) -> None:
        self._net = net
        self._codebooks = codebooks
        self._least_frames = least_frames
        self._waiting: Samples = np.zeros(0, np.int16)
        self._kept: State | None = None

    def push(self, samples: Samples) -> list[Codes]:
        """Take samples; return the codes of the pieces that are full."""
        self._waiting = np.concatenate([self._waiting, samples])
        done = []
        while count := self._ready():
            done.append(self._run(count * FRAME_SAMPLES))
        return done

    def finish(self) -> list[Codes]:
        """Return the codes of what is left."""
        return [self._run(len(self._waiting))] if len(self._waiting) else []

    def _ready(self) -> int:
        """Return how many frames can run now."""
        frames = len(self._waiting) // FRAME_SAMPLES // self._least_frames * self._least_frames
        if self._kept is None and frames < self._net.start_frames:
            return 0
        return min(frames, MOST_FRAMES)

    def _run(self, count: int) -> Codes:
        part, self._waiting = np.split(self._waiting, [count])
        content = (part.astype(np.float32) / np.float32(_FULL_SCALE))[None]
        done = self._net.submit(Piece(content, self._kept, self._codebooks, last=bool(count % FRAME_SAMPLES)))
        self._kept = done.kept
        return done.content


class Decoding:
    """Codes in, samples out: a piece for each push, but that the first must have frames enough.

    Args:
        net: Does it.
    """

    def __init__(self, net: Encodec) -> None:
        self._net = net
        self._waiting: list[Codes] = []
        self._kept: State | None = None

    def push(self, codes: Codes) -> Samples:
        """Take at most MOST_FRAMES; return what can be heard now."""
        self._waiting.append(codes)
        if self._kept is None and sum(each.shape[1] for each in self._waiting) < self._net.start_frames:
            return np.zeros(0, np.int16)
        return self.finish()

    def finish(self) -> Samples:
        """Return what is left."""
        if not self._waiting:
            return np.zeros(0, np.int16)
        codes, self._waiting = np.concatenate(self._waiting, axis=1), []
        done = self._net.submit(Piece(codes, self._kept))
        self._kept = done.kept
        scaled = np.rint(done.content[0] * _FULL_SCALE)
        samples: Samples = scaled.clip(-_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)
        return samples


class EncodecPackets:
    """Compresses a stream: packets of 80 ms, the first two of them once there are 160 ms.

    Args:
        net: Does it.
        codebooks: How many.
    """

    def __init__(self, net: Encodec, codebooks: int) -> None:
        self._encoding = Encoding(net, codebooks, PACKET_FRAMES)

    def push(self, samples: Samples) -> list[bytes]:
        """Return the packets that are full."""
        return _packets(self._encoding.push(samples))

    def finish(self) -> list[bytes]:
        """Return the rest; the last packet may have fewer frames."""
        return _packets(self._encoding.finish())


class EncodecAudio:
    """Does the other way round.

    Args:
        net: Does it.
        codebooks: How many.
    """

    def __init__(self, net: Encodec, codebooks: int) -> None:
        self._decoding = Decoding(net)
        self._codebooks = codebooks

    def push(self, packet: bytes) -> Samples:
        """Decode the next packet."""
        codes = ecdc.unpack(packet, self._codebooks)
        if not 1 <= codes.shape[1] <= PACKET_FRAMES or len(ecdc.pack(codes)) != len(packet):
            raise InvalidMedia("A packet is not of this codec at this bitrate.", code="damaged_packet")
        return self._decoding.push(codes)

    def finish(self) -> Samples:
        """Return what is left."""
        return self._decoding.finish()


def _packets(done: list[Codes]) -> list[bytes]:
    return [
        ecdc.pack(codes[:, start : start + PACKET_FRAMES])
        for codes in done
        for start in range(0, codes.shape[1], PACKET_FRAMES)
    ]
