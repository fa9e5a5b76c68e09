"""EnCodec's speed next to the encodec package: files, chunks of 80 ms, and many streams at once; one thread.

The model has the true shape and random weights, on which its speed does not depend. It needs PyTorch, that is
the environment of `make test-engines`: `python -m tests.bench codec_speed` of that one.
"""

from __future__ import annotations

import importlib.util
import time
import warnings
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from services.shared.batching import Limits
from tests.bench.report import Bars, Result, Row, spread

_ROUNDS: Final = 7
_FILE_S: Final = 10
_CHUNKS: Final = 25
_STREAMS: Final = 8
_RATE_HZ: Final = 24_000
_CHUNK_SAMPLES: Final = 1_920
_CODEBOOKS: Final = 8

Work = Callable[[], object]


def run() -> Result:
    """Let both sides do the same work in turn."""
    missing = [name for name in ("torch", "encodec") if importlib.util.find_spec(name) is None]
    if missing:
        reason = f"{', '.join(missing)} not installed here; run it in the environment of make test-engines"
        return Result("codec_speed", skipped=reason)
    import torch  # noqa: PLC0415 - only where it is installed

    torch.set_num_threads(1)
    with torch.no_grad():
        pairs = _pairs()
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in pairs}
        for _ in range(_ROUNDS):
            for name, (theirs, ours) in pairs.items():
                times[name].append((_cpu_s(theirs), _cpu_s(ours)))
    return _result(times)


def _cpu_s(work: Work) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _pairs() -> dict[str, tuple[Work, Work]]:
    """Return what is compared: the package's way and ours."""
    import torch  # noqa: PLC0415 - only where it is installed

    from services.codec.engines import encodec_model  # noqa: PLC0415 - needs PyTorch
    from services.codec.engines.encodec_pieces import Decoding, Encoding  # noqa: PLC0415 - needs PyTorch
    from tests.engines import encodec_models  # noqa: PLC0415 - needs PyTorch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        package = encodec_models.codec(filters=32, dimension=128)
        net = encodec_model.Encodec(encodec_model.codec_of(package.state_dict()), Limits(_STREAMS))
    package.set_target_bandwidth(6.0)
    samples = np.random.default_rng(1).normal(0, 3000, _FILE_S * _RATE_HZ).astype(np.int16)
    audio = torch.from_numpy(samples / np.float32(32_768)).float()[None, None]
    frames = package.encode(audio)
    codes = frames[0][0][0].numpy().astype(np.int16)

    def encode() -> None:
        encoding = Encoding(net, _CODEBOOKS)
        encoding.push(samples)
        encoding.finish()

    def decode() -> None:
        decoding = Decoding(net)
        for start in range(0, codes.shape[1], 150):
            decoding.push(codes[:, start : start + 150])

    return {
        "encode a file": (lambda: package.encode(audio), encode),
        "decode a file": (lambda: package.decode(frames), decode),
        "80 ms chunks": (lambda: _package_chunks(package, audio), lambda: _our_chunks(net, samples)),
        "streams in batches": (lambda: _streams(net, 1), lambda: _streams(net, _STREAMS)),
    }


def _package_chunks(package: Any, audio: Any) -> None:
    for start in range(0, _CHUNKS * _CHUNK_SAMPLES, _CHUNK_SAMPLES):
        package.decode(package.encode(audio[..., start : start + _CHUNK_SAMPLES]))


def _our_chunks(net: Any, samples: Any) -> None:
    from services.codec.engines.encodec_pieces import EncodecAudio, EncodecPackets  # noqa: PLC0415 - PyTorch

    encoder, decoder = EncodecPackets(net, _CODEBOOKS), EncodecAudio(net, _CODEBOOKS)
    for start in range(0, _CHUNKS * _CHUNK_SAMPLES, _CHUNK_SAMPLES):
        for packet in encoder.push(samples[start : start + _CHUNK_SAMPLES]):
            decoder.push(packet)


def _streams(net: Any, together: int) -> None:
    """Encode a chunk of each of several streams three times, so many of them together."""
    from services.codec.engines.encodec_net import Piece  # noqa: PLC0415 - needs PyTorch

    def pieces(length: int, kept: list[Any]) -> list[Piece]:
        content = np.full((1, length), 0.01, np.float32)
        return [Piece(content, each, _CODEBOOKS) for each in kept]

    (begun,) = net.run(pieces(2 * _CHUNK_SAMPLES, [None]))
    kept = [begun.kept] * _STREAMS
    for _ in range(3):
        for start in range(0, _STREAMS, together):
            net.run(pieces(_CHUNK_SAMPLES, kept[start : start + together]))


_TARGETS: Final = {"encode a file": ">= 0.95", "decode a file": ">= 0.95", "80 ms chunks": ">= 2"}


def _result(times: dict[str, list[tuple[float, float]]]) -> Result:
    rows = [
        Row(
            f"{name}: speed next to {'one by one' if name not in _TARGETS else 'the package'}",
            "ratio",
            spread([theirs / ours for theirs, ours in each]),
            _TARGETS.get(name, ""),
        )
        for name, each in times.items()
    ]
    chunk_ms = {
        "package": spread([theirs * 1000 / _CHUNKS for theirs, _ in times["80 ms chunks"]]),
        "here": spread([ours * 1000 / _CHUNKS for _, ours in times["80 ms chunks"]]),
    }
    rows += [Row(f"80 ms chunk there and back: {name}", "cpu ms", each) for name, each in chunk_ms.items()]
    heights = {name: each.median for name, each in chunk_ms.items()}
    plot = Bars("EnCodec, 80 ms of audio encoded and decoded, one thread", "processor ms", heights, 80.0)
    details = {"rounds": _ROUNDS, "file_s": _FILE_S, "kbps": 6, "streams": _STREAMS, "cpu_s": times}
    return Result("codec_speed", tuple(rows), (plot,), details)
