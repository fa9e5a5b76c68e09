"""EnCodec's weights: found in a folder, put into the package's own classes, and run in batches."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from encodec.model import EncodecModel, LMModel
from encodec.modules import SEANetDecoder, SEANetEncoder
from encodec.quantization import ResidualVectorQuantizer
from torch import nn

from services.codec.engines import ecdc
from services.codec.engines.encodec_batches import Batches
from services.codec.engines.encodec_net import Done, Network, Piece, State
from services.shared.batching import Limits
from services.shared.errors import Misconfigured

KBPS: Final = (1.5, 3.0, 6.0, 12.0, 24.0)
_CODEC: Final = "encodec_24khz-*.th"
_LANGUAGE: Final = "encodec_lm_24khz-*.th"
# How far the language model looks back.
_LANGUAGE_S: Final = 3.5

Weights = Mapping[str, torch.Tensor]


class Encodec:
    """The networks at work. Safe to use from several threads at once.

    Args:
        model: The package's, with weights, on its device.
        limits: Of batches.
    """

    def __init__(self, model: EncodecModel, limits: Limits) -> None:
        self._device = next(model.parameters()).device
        self._encoder, self._decoder = Network(model.encoder), Network(model.decoder)
        self._codebooks = [layer.codebook for layer in model.quantizer.vq.layers]
        # The distance of x to an entry e is x² - 2xe + e², and x² is the same for all of them.
        self._norms = [book.pow(2).sum(1) for book in self._codebooks]
        self._twice = [-2 * book.t().contiguous() for book in self._codebooks]
        self.start_frames = max(self._encoder.start_frames, self._decoder.start_frames)
        self._batches = Batches(self.run, limits)

    @property
    def codebook_count(self) -> int:
        """How many there are."""
        return len(self._codebooks)

    def submit(self, piece: Piece) -> Done:
        """Run a piece, perhaps with others of its kind."""
        return self._batches.submit(piece)

    def close(self) -> None:
        """End when all that waits is done."""
        self._batches.close()

    def run(self, pieces: Sequence[Piece]) -> list[Done]:
        """Run pieces of one kind at once."""
        with torch.inference_mode():
            content = torch.from_numpy(np.stack([piece.content for piece in pieces])).to(self._device)
            kept = _joined([piece.kept for piece in pieces])
            if codebooks := pieces[0].codebooks:
                made, kept = self._encode(content, kept, codebooks, last=pieces[0].last)
            else:
                made, kept = self._decode(content.long(), kept)
            array = made.cpu().numpy()
        return [
            Done(array[index], [each[index : index + 1] for each in kept]) for index in range(len(pieces))
        ]

    def _encode(
        self, x: torch.Tensor, kept: State | None, codebooks: int, *, last: bool
    ) -> tuple[torch.Tensor, State]:
        if kept is None and x.shape[-1] < self.start_frames * ecdc.FRAME_SAMPLES:
            latent, kept = self._encoder.whole(x), []
        else:
            latent, kept = self._encoder(x, kept, last=last)
        return self._quantized(latent, codebooks), kept

    def _quantized(self, latent: torch.Tensor, codebooks: int) -> torch.Tensor:
        """Return each codebook's nearest entry to what those before it left."""
        rest = latent.transpose(1, 2).reshape(-1, latent.shape[1])
        chosen = []
        for number in range(codebooks):
            index = torch.addmm(self._norms[number], rest, self._twice[number]).argmin(-1)
            rest = rest - self._codebooks[number][index]
            chosen.append(index)
        return torch.stack(chosen).view(codebooks, len(latent), -1).transpose(0, 1).to(torch.int16)

    def _decode(self, codes: torch.Tensor, kept: State | None) -> tuple[torch.Tensor, State]:
        latent = sum(book[codes[:, row]] for row, book in enumerate(self._codebooks[: codes.shape[1]]))
        latent = latent.transpose(1, 2)
        if kept is None and latent.shape[-1] < self.start_frames:
            return self._decoder.whole(latent), []
        return self._decoder(latent, kept, last=True)


def _joined(kept: Sequence[State | None]) -> State | None:
    if kept[0] is None:
        return None
    if len(kept) == 1:
        return kept[0]
    return [torch.cat(each) for each in zip(*(each for each in kept if each is not None), strict=True)]


def load(folder: Path, device: str, limits: Limits) -> tuple[Encodec, LMModel | None]:
    """Load the codec, and its language model where the folder has one.

    Raises:
        Misconfigured: codes model_missing, model_damaged, device_missing.
    """
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise Misconfigured(
            "PyTorch sees no CUDA device; set DRAGOMAN_CODEC_DEVICE=cpu.", code="device_missing"
        )
    with warnings.catch_warnings():
        # The package is older than PyTorch's way of today to norm weights.
        warnings.simplefilter("ignore", FutureWarning)
        model = codec_of(_weights(folder, _CODEC)).to(device)
        language = None
        if any(folder.glob(_LANGUAGE)):
            language = language_of(_weights(folder, _LANGUAGE)).to(device)
    return Encodec(model, limits), language


def _weights(folder: Path, pattern: str) -> Weights:
    found = sorted(folder.glob(pattern))
    if not found:
        raise Misconfigured(
            f"There is no {pattern} in the model's folder; put the encodec package's file there.",
            code="model_missing",
        )
    try:
        # Only tensors: what could run code when it is loaded is refused.
        weights: Weights = torch.load(found[0], map_location="cpu", weights_only=True)
    except Exception as error:
        raise Misconfigured(f"{found[0].name} cannot be read.", code="model_damaged") from error
    return weights


def codec_of(weights: Weights) -> EncodecModel:
    """Build the package's model; its size is that of the weights.

    Raises:
        Misconfigured: code model_damaged, they are not EnCodec's.
    """
    try:
        filters = weights["encoder.model.0.conv.conv.weight_v"].shape[0]
        dimension, bins = (weights["quantizer.vq.layers.0._codebook.embed"].shape[each] for each in (1, 0))
        count = 1 + max(
            int(name.split(".")[3]) for name in weights if name.startswith("quantizer.vq.layers.")
        )
        sizes = {"n_filters": filters, "dimension": dimension, "norm": "weight_norm", "causal": True}
        model = EncodecModel(
            SEANetEncoder(**sizes),
            SEANetDecoder(**sizes),
            ResidualVectorQuantizer(dimension=dimension, n_q=count, bins=bins),
            list(KBPS),
            ecdc.RATE_HZ,
            1,
            name=ecdc.MODEL,
        )
        model.load_state_dict(weights)
    except (KeyError, IndexError, ValueError, RuntimeError, AssertionError) as error:
        raise Misconfigured(
            "The weights are not those of EnCodec at 24 kHz.", code="model_damaged"
        ) from error
    # With every call the package would work the weights out of their directions and lengths.
    for module in model.modules():
        if hasattr(module, "weight_g"):
            nn.utils.remove_weight_norm(module)
    return model.eval().requires_grad_(requires_grad=False)


def language_of(weights: Weights) -> LMModel:
    """Build the package's language model; its size is that of the weights.

    Raises:
        Misconfigured: code model_damaged.
    """
    try:
        dim = weights["emb.0.weight"].shape[1]
        model = LMModel(
            _count(weights, "emb."),
            weights["linears.0.weight"].shape[0],
            dim,
            num_layers=_count(weights, "transformer.layers.", 2),
            past_context=int(_LANGUAGE_S * ecdc.FRAMES_PER_S),
        )
        model.load_state_dict(weights)
    except (KeyError, IndexError, ValueError, RuntimeError, AssertionError) as error:
        raise Misconfigured("The language model is not EnCodec's.", code="model_damaged") from error
    return model.eval().requires_grad_(requires_grad=False)


def _count(weights: Weights, prefix: str, place: int = 1) -> int:
    return 1 + max(int(name.split(".")[place]) for name in weights if name.startswith(prefix))


def codebooks_of(kbps: float) -> int:
    """Return how many codebooks a bitrate takes."""
    return int(kbps * 1000) // (ecdc.CODE_BITS * ecdc.FRAMES_PER_S)
