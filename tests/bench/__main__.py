"""`python -m tests.bench [NAME ...]` runs benchmarks, prints tables, writes JSON and plots."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
from typing import Final

from tests.bench import plots, report

BENCHMARKS: Final = (
    "http_gateway",
    "control_plane",
    "queue_roundtrip",
    "scale",
    "fairness",
    "cancel",
    "memory",
    "sizing",
    "threads",
    "pipeline",
    "concurrent_capacity",
    "asr_clips",
    "codec_speed",
    "mt_throughput",
    "tts_first_audio",
    "autoscaling",
)


def main() -> None:
    """Run the benchmarks named, all of them when none is."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", choices=(*BENCHMARKS, []), help=", ".join(BENCHMARKS)
    )
    names = parser.parse_args().names or BENCHMARKS
    # Leaves through every `finally`, so that no stack stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    report.show_head()
    for name in names:
        result = importlib.import_module(f"tests.bench.{name}").run()
        report.show(result)
        report.write(result)
        plots.draw(result)
    print(f"\nwritten to {report.RESULTS}")


if __name__ == "__main__":
    main()
