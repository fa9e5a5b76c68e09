"""EnCodec's second compression: a language model foretells the codes, a coder writes what surprises it.

The bits are those of the encodec package, which reads them and writes them. Its coder works with the model's
floating-point probabilities, so that a file may not come out of another kind of processor as it went in, and
can in rare cases not be written at all: who writes one reads it back before giving it away.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, floor
from typing import BinaryIO, Final

import numpy as np
import torch
from encodec.binary import BitPacker, BitUnpacker
from encodec.model import LMModel
from numpy.typing import NDArray

from services.codec.completeness import truncated
from services.codec.engines.ecdc import Codes

_RANGE_BITS: Final = 24
_RANGE: Final = 1 << _RANGE_BITS
# What the package takes: probabilities are rounded down to a multiple of this, and none is less than that.
_ROUNDING: Final = 1e-8
_LEAST: Final = 2
# Beyond it the package's own coder gives up; numbers would no longer be exact.
_MAX_BITS: Final = 62

# Cumulated whole numbers up to _RANGE, one row for each codebook.
_Bounds = NDArray[np.int64]


class CodingError(Exception):
    """The coder has come to a state from which it cannot go on."""


def write(codes: Codes, model: LMModel, sink: BinaryIO, check: Callable[[], None]) -> None:
    """Compress codes.

    Args:
        codes: All of a file's.
        model: Foretells each frame from those before it.
        sink: Gets the bits.
        check: Called before every frame; may raise.

    Raises:
        CodingError: there is no way to write these codes.
    """
    foretelling = _Foretelling(model, len(codes))
    coder = _Writer(sink)
    for frame in codes.T:
        check()
        for code, bounds in zip(frame.tolist(), foretelling.next(), strict=True):
            coder.push(code, bounds)
        foretelling.heard(frame)
    coder.finish()


def read(source: BinaryIO, shape: tuple[int, int], model: LMModel, check: Callable[[], None]) -> Codes:
    """Do the other way round.

    Args:
        source: Has the bits.
        shape: Codebooks and frames.
        model: As when they were written.
        check: Called before every frame; may raise.

    Raises:
        InvalidMedia: code truncated_media, the bits end too early.
        CodingError: they mean nothing.
    """
    foretelling = _Foretelling(model, shape[0])
    coder = _Reader(source)
    codes = np.zeros(shape, np.int16)
    for index in range(shape[1]):
        check()
        for row, bounds in enumerate(foretelling.next()):
            codes[row, index] = coder.pull(bounds)
        foretelling.heard(codes[:, index])
    return codes


class _Foretelling:
    """The language model, one frame at a time, as the package runs it: other batches round otherwise."""

    def __init__(self, model: LMModel, codebooks: int) -> None:
        self._model = model
        self._states: list[torch.Tensor] | None = None
        self._offset = 0
        device = next(model.parameters()).device
        # 0 is "nothing yet", so that every code is one more.
        self._input = torch.zeros(1, codebooks, 1, dtype=torch.long, device=device)

    def next(self) -> _Bounds:
        """Return each codebook's bounds."""
        with torch.inference_mode():
            chances, self._states, self._offset = self._model(self._input, self._states, self._offset)
            chances = chances[0, :, :, 0].t()
            chances = (chances / _ROUNDING).floor() * _ROUNDING
            share = 1 - _LEAST * chances.shape[1] / _RANGE
            widths = (share * _RANGE * chances).floor().long() + _LEAST
            bounds: _Bounds = widths.cumsum(-1).cpu().numpy()
            return bounds

    def heard(self, frame: Codes) -> None:
        """Take the frame that has come."""
        self._input[0, :, 0] = torch.from_numpy(1 + frame.astype(np.int64))


class _Coder:
    """The interval that writer and reader narrow alike."""

    def __init__(self) -> None:
        self.low = 0
        self.high = 0
        self.bits = 0  # Of low and high, which no one has settled yet.

    def widen(self) -> None:
        while self.high - self.low + 1 < _RANGE:
            bit = self.next_bit()
            self.low <<= 1
            self.high = self.high << 1 | 1
            self.bits += 1
            self.widened(bit)
        if self.bits > _MAX_BITS:
            raise CodingError

    def part(self, code: int, bounds: NDArray[np.int64]) -> tuple[int, int]:
        """Return the part of the interval that stands for a code."""
        scale = (self.high - self.low + 1) / _RANGE
        begin = int(bounds[code - 1]) if code else 0
        return self.low + ceil(begin * scale), self.low + floor((int(bounds[code]) - 1) * scale)

    def narrow(self, low: int, high: int) -> None:
        if not self.low <= low <= high <= self.high:
            raise CodingError
        self.low, self.high = low, high
        # What both ends begin with is settled.
        while self.bits and self.low >> self.bits - 1 == self.high >> self.bits - 1:
            self.bits -= 1
            bit = self.low >> self.bits
            self.low -= bit << self.bits
            self.high -= bit << self.bits
            self.settled(bit)

    def next_bit(self) -> int:
        return 0

    def widened(self, bit: int) -> None:
        """A bit was added to both ends."""

    def settled(self, bit: int) -> None:
        """The highest bit of both ends was taken off."""


class _Writer(_Coder):
    def __init__(self, sink: BinaryIO) -> None:
        super().__init__()
        self._packer = BitPacker(1, sink)

    def push(self, code: int, bounds: NDArray[np.int64]) -> None:
        self.widen()
        self.narrow(*self.part(code, bounds))

    def settled(self, bit: int) -> None:
        self._packer.push(bit)

    def finish(self) -> None:
        for position in reversed(range(self.bits)):
            self._packer.push(self.low >> position & 1)
        self._packer.flush()


class _Reader(_Coder):
    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._unpacker = BitUnpacker(1, source)
        self._now = 0

    def pull(self, bounds: NDArray[np.int64]) -> int:
        self.widen()
        code = self._code(bounds)
        low, high = self.part(code, bounds)
        if not low <= self._now <= high:
            raise CodingError
        self.narrow(low, high)
        return code

    def _code(self, bounds: NDArray[np.int64]) -> int:
        """Return the last code whose part does not begin above what was read."""
        low, high = 0, len(bounds) - 1
        while low < high:
            middle = (low + high + 1) // 2
            if self.part(middle, bounds)[0] <= self._now:
                low = middle
            else:
                high = middle - 1
        return low

    def next_bit(self) -> int:
        bit = self._unpacker.pull()
        if bit is None:
            raise truncated()
        return int(bit)

    def widened(self, bit: int) -> None:
        self._now = self._now << 1 | bit

    def settled(self, bit: int) -> None:
        self._now -= bit << self.bits
