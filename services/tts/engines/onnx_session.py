"""Sessions of onnxruntime that share a machine with others, and runs of them that can be ended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from services.shared.errors import Cancelled

_POLL_S: Final = 0.05


def session(model: bytes, threads: int) -> onnxruntime.InferenceSession:
    """Load an encoded model that uses so many threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that wait by spinning would take the cores from the other calls and services.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    loaded = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    # Kept for a change of providers, which never comes: as large as the model.
    loaded._model_bytes = None  # noqa: SLF001 - the package has no public way
    return loaded


def output(
    of: onnxruntime.InferenceSession,
    inputs: Mapping[str, NDArray[Any]],
    cancelled: Callable[[], bool] | None = None,
) -> NDArray[np.float32]:
    """Run a model and return its only output.

    A run that is cancelled ends within a few of the model's thousands of operations.

    Raises:
        Cancelled: `cancelled()` turned true meanwhile.
    """
    options = onnxruntime.RunOptions()
    # Without this a few long texts would leave the arena at several hundred megabytes for good.
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    with _terminating(options, cancelled):
        (result,) = of.run(None, dict(inputs), options)
    return np.asarray(result, np.float32).ravel()


@contextmanager
def _terminating(options: onnxruntime.RunOptions, cancelled: Callable[[], bool] | None) -> Iterator[None]:
    """Make a run with these options end soon after `cancelled()` turns true, as Cancelled."""
    if cancelled is None:
        yield
        return
    ended = threading.Event()

    def watch() -> None:
        while not options.terminate and not ended.wait(_POLL_S):
            options.terminate = cancelled()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    except Exception:
        if options.terminate:
            raise Cancelled("The caller went away while its text was spoken.") from None
        raise
    finally:
        ended.set()
        watcher.join()
