"""What a model server's libraries find in their environment: one thread each, no hub, no telemetry."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

# Engines are told by their room's settings how many threads to take. These are for libraries that would
# otherwise take as many as there are cores, once in every process; who sets one has a reason.
ONE_THREAD: Final[Mapping[str, str]] = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
# Models lie on this machine before a server starts. These are not for others to set.
OFFLINE: Final[Mapping[str, str]] = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "TRAINER_TELEMETRY": "0",
    # onnxruntime (1.32) tells its maker of each session, also on Linux, unless this is set before its import.
    "ORT_DISABLE_TELEMETRY": "1",
}


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with all of this in it."""
    return {**ONE_THREAD, **given, **OFFLINE}


def settle() -> None:
    """Put it into this process's environment, for what is loaded from now on.

    numpy has been loaded by then, and OpenBLAS with it: the stack and the images set it before Python starts.
    """
    os.environ.update(environment(os.environ))
