"""EnCodec models for tests: the package's own classes, with random weights from a fixed seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from encodec.model import EncodecModel, LMModel
from encodec.modules import SEANetDecoder, SEANetEncoder
from encodec.quantization import ResidualVectorQuantizer

# What the package looks for in its cache, and we in a model's folder.
CODEC_FILE = "encodec_24khz-d7cc33bc.th"
LANGUAGE_FILE = "encodec_lm_24khz-1608e3c0.th"
BANDWIDTHS = [1.5, 3.0, 6.0, 12.0, 24.0]


def codec(filters: int = 4, dimension: int = 16, codebooks: int = 32, seed: int = 7) -> Any:
    """Return the package's model; by default a small one of the true shape's layers and strides."""
    torch.manual_seed(seed)
    sizes = {"n_filters": filters, "dimension": dimension, "norm": "weight_norm", "causal": True}
    model = EncodecModel(
        SEANetEncoder(**sizes),
        SEANetDecoder(**sizes),
        ResidualVectorQuantizer(dimension=dimension, n_q=codebooks, bins=1024),
        BANDWIDTHS,
        24_000,
        1,
        name="encodec_24khz",
    ).eval()
    with torch.no_grad():
        latent = model.encoder(torch.randn(1, 1, 24_000) * 0.1)
        # Entries about as far from zero as what they stand for, and nearer with each codebook.
        for number, layer in enumerate(model.quantizer.vq.layers):
            book = torch.randn(1024, dimension) * latent.std() * 0.8**number + latent.mean() * (number == 0)
            layer._codebook.embed.copy_(book)
            layer._codebook.inited.fill_(1)
    return model


def language(codebooks: int = 32, dim: int = 16, layers: int = 2, seed: int = 8) -> Any:
    """Return a language model, whose foretelling is far from even."""
    torch.manual_seed(seed)
    model = LMModel(codebooks, 1024, dim=dim, num_layers=layers, past_context=262).eval()
    with torch.no_grad():
        for linear in model.linears:
            linear.weight.mul_(4)
    return model


def save(folder: Path, codec_model: Any, language_model: Any = None) -> Path:
    """Save models as the package's own files are named; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(codec_model.state_dict(), folder / CODEC_FILE)
    if language_model is not None:
        torch.save(language_model.state_dict(), folder / LANGUAGE_FILE)
    return folder
