"""EnCodec's causal networks piece by piece: each layer keeps the little that it needs of what came before.

The package's own networks start anew with each call, so that a short piece costs as much as a long one and
hears silence before itself. Here a piece continues the one before it, and all pieces together give what the
package gives for the whole. Everything that is kept has the batch as its first dimension, so that pieces of
different recordings run together.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from encodec.modules import SLSTM, SConv1d, SConvTranspose1d
from encodec.modules.seanet import SEANetResnetBlock
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from services.codec.engines.ecdc import Codes

# What the layers keep between two pieces.
State = list[torch.Tensor]

# Up to so many outputs a plain product of matrices is faster than PyTorch's convolution and LSTM, which
# bring weights into another order with every call; measured on one core of an AMD EPYC.
_FEW: Final = 32
# Up to so many, and for one recording, a product for each tap of the kernel is faster than the convolution.
_SOME: Final = 2_000


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a recording, on its way into codes or out of them.

    Attributes:
        content: Samples as floating-point numbers, shape (1, samples), or codes, shape (codebooks, frames).
        kept: What the piece before it left; None for the first.
        codebooks: How many are made of samples; 0 for codes.
        last: Whether the end must be rounded up to a frame.
    """

    content: NDArray[np.float32] | Codes
    kept: State | None
    codebooks: int = 0
    last: bool = False

    @property
    def kind(self) -> Hashable:
        """Pieces of one kind fit into one batch."""
        return self.content.shape, self.kept is None, self.codebooks, self.last


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a piece: codes or samples, and what the next one needs."""

    content: NDArray[Any]
    kept: State


class _Tape:
    """Hands each layer what it kept, in order, and takes what it keeps now."""

    def __init__(self, kept: State | None, *, last: bool) -> None:
        self._kept: Iterator[torch.Tensor] = iter(kept or ())
        self.first = kept is None
        self.last = last
        self.keeping: State = []

    def take(self) -> torch.Tensor:
        return next(self._kept)

    def keep(self, tensor: torch.Tensor) -> None:
        self.keeping.append(tensor)


_Layer = Callable[[torch.Tensor, _Tape], torch.Tensor]


class Network:
    """An encoder or a decoder, run piece by piece.

    Args:
        network: The package's SEANetEncoder or SEANetDecoder, causal.

    Attributes:
        start_frames: A first piece must have as many frames of the latent rate, or be all there is.
    """

    def __init__(self, network: torch.nn.Module) -> None:
        self._network = network
        self._layers = [_layer(each) for each in network.model]
        self.start_frames: int = max(_kernel(network.model[0]), _kernel(network.model[-1]))

    def __call__(self, x: torch.Tensor, kept: State | None, *, last: bool) -> tuple[torch.Tensor, State]:
        """Run one piece of shape (batch, channels, time).

        Args:
            x: What the encoder gets must be whole frames unless it is the last piece.
            kept: What the piece before it returned; None for the first.
            last: Whether nothing will follow, so that the end may be rounded up to a frame.
        """
        tape = _Tape(kept, last=last)
        for layer in self._layers:
            x = layer(x, tape)
        return x, tape.keeping

    def whole(self, x: torch.Tensor) -> torch.Tensor:
        """Run what is shorter than a first piece must be, as the package does."""
        return self._network(x)


def _kernel(module: torch.nn.Module) -> int:
    return int(module.conv.conv.kernel_size[0])


def _layer(module: torch.nn.Module) -> _Layer:
    for kind, made in ((SConv1d, _Conv), (SConvTranspose1d, _Upsampling), (SLSTM, _Lstm)):
        if isinstance(module, kind):
            return made(module)
    if isinstance(module, SEANetResnetBlock):
        return _Block(module)
    if isinstance(module, nn.ELU):
        # In place: each stands behind a layer that made its output for it alone.
        return lambda x, _tape: functional.elu_(x, module.alpha)
    return lambda x, _tape: module(x)


class _Block:
    """A branch and its short cut."""

    def __init__(self, module: SEANetResnetBlock) -> None:
        self._branch = [_layer(each) for each in module.block]
        self._shortcut = _layer(module.shortcut)

    def __call__(self, x: torch.Tensor, tape: _Tape) -> torch.Tensor:
        short = self._shortcut(x, tape)
        if short is x:  # What follows works in place.
            x = x.clone()
        for layer in self._branch:
            x = layer(x, tape)
        return x.add_(short)


class _Conv:
    """A convolution that keeps the samples that its next window begins with."""

    def __init__(self, module: SConv1d) -> None:
        conv = module.conv.conv
        self._weight, self._bias = conv.weight, conv.bias
        self._stride, self._dilation = conv.stride[0], conv.dilation[0]
        self._reach = (conv.kernel_size[0] - 1) * self._dilation - (self._stride - 1)
        self._matrix = conv.weight.reshape(conv.out_channels, -1).t()
        # With one channel a tap's product is of a column and a row, which gains nothing.
        summed = self._stride == 1 and conv.in_channels > 1
        self._taps = [each.contiguous() for each in conv.weight.unbind(2)] if summed else []

    def __call__(self, x: torch.Tensor, tape: _Tape) -> torch.Tensor:
        if self._reach:
            # The package mirrors the beginning, and so must we.
            before = x[..., 1 : self._reach + 1].flip(-1) if tape.first else tape.take()
            x = torch.cat((before, x), -1)
            tape.keep(x[..., -self._reach :].clone())
        missing = -(x.shape[-1] - self._reach) % self._stride
        if tape.last and missing:
            x = functional.pad(x, (0, missing), "reflect")
        count = (x.shape[-1] - self._reach) // self._stride
        if count <= _FEW and self._dilation == 1:
            return self._product(x)
        if self._taps and len(x) == 1 and count <= _SOME and not x.is_cuda:
            return self._sum(x[0], count)
        return functional.conv1d(x, self._weight, self._bias, self._stride, dilation=self._dilation)

    def _sum(self, x: torch.Tensor, count: int) -> torch.Tensor:
        made = self._bias[:, None]
        for place, tap in enumerate(self._taps):
            start = place * self._dilation
            made = torch.addmm(made, tap, x[:, start : start + count])
        return made[None]

    def _product(self, x: torch.Tensor) -> torch.Tensor:
        windows = x.unfold(2, self._weight.shape[2], self._stride).permute(0, 2, 1, 3)
        rows = windows.reshape(-1, self._matrix.shape[0])
        return torch.addmm(self._bias, rows, self._matrix).view(len(x), -1, len(self._bias)).transpose(1, 2)


class _Upsampling:
    """A transposed convolution that keeps what its last inputs add to the next piece."""

    def __init__(self, module: SConvTranspose1d) -> None:
        conv = module.convtr.convtr
        self._weight, self._bias = conv.weight, conv.bias[:, None]
        self._stride = conv.stride[0]
        self._matrix = conv.weight.reshape(conv.in_channels, -1)

    def __call__(self, x: torch.Tensor, tape: _Tape) -> torch.Tensor:
        count = x.shape[-1]
        if count > _FEW or self._weight.shape[2] != 2 * self._stride:
            y = functional.conv_transpose1d(x, self._weight, None, self._stride)
        else:
            y = self._product(x)
        whole = count * self._stride
        if not tape.first:
            rest = tape.take()
            y[..., : rest.shape[-1]] += rest
        tape.keep(y[..., whole:].clone())
        return y[..., :whole] + self._bias

    def _product(self, x: torch.Tensor) -> torch.Tensor:
        """Add up the two halves that each input spreads over."""
        batch, channels, count = x.shape
        spread = (x.transpose(1, 2).reshape(-1, channels) @ self._matrix).view(
            batch, count, -1, 2, self._stride
        )
        y = spread.new_zeros(batch, spread.shape[2], count + 1, self._stride)
        y[:, :, :-1] = spread[:, :, :, 0].transpose(1, 2)
        y[:, :, 1:] += spread[:, :, :, 1].transpose(1, 2)
        return y.flatten(2)


class _Lstm:
    """The recurrent layers, which keep their state; with a short cut around them."""

    def __init__(self, module: SLSTM) -> None:
        self._lstm = module.lstm
        self._skip = module.skip
        # The second is laid out for products with one row, which mostly wait for memory.
        self._weights = [
            (
                getattr(module.lstm, f"weight_ih_l{layer}"),
                getattr(module.lstm, f"weight_hh_l{layer}").t().contiguous(),
                getattr(module.lstm, f"bias_ih_l{layer}") + getattr(module.lstm, f"bias_hh_l{layer}"),
            )
            for layer in range(module.lstm.num_layers)
        ]

    def __call__(self, x: torch.Tensor, tape: _Tape) -> torch.Tensor:
        steps = x.permute(2, 0, 1)
        if tape.first:
            empty = steps.new_zeros(self._lstm.num_layers, steps.shape[1], self._lstm.hidden_size)
            hidden, cell = empty, empty
        else:
            hidden, cell = (tape.take().transpose(0, 1).contiguous() for _ in range(2))
        run = self._few if len(steps) <= _FEW and not steps.is_cuda else self._lstm
        y, (hidden, cell) = run(steps, (hidden, cell))
        tape.keep(hidden.transpose(0, 1))
        tape.keep(cell.transpose(0, 1))
        return (y + steps if self._skip else y).permute(1, 2, 0)

    def _few(
        self, x: torch.Tensor, state: tuple[torch.Tensor, torch.Tensor]
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        hiddens, cells = [], []
        for layer, (into, again, bias) in enumerate(self._weights):
            hidden, cell = state[0][layer], state[1][layer]
            outputs = []
            for gates in functional.linear(x, into, bias):
                enter, forget, fresh, leave = torch.addmm(gates, hidden, again).chunk(4, -1)
                cell = forget.sigmoid() * cell + enter.sigmoid() * fresh.tanh()
                hidden = leave.sigmoid() * cell.tanh()
                outputs.append(hidden)
            x = torch.stack(outputs)
            hiddens.append(hidden)
            cells.append(cell)
        return x, (torch.stack(hiddens), torch.stack(cells))
