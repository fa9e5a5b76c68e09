"""`python -m tests.bench.fidelity [NAME ...] [--share 0.1]` measures whether what is said comes out right."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
from typing import Final

from tests.bench import plots, report

SECTIONS: Final = (
    "recognition",
    "translation",
    "digits",
    "speech",
    "timing",
    "invention",
    "codecs",
    "served",
)


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError("above 0 and at most 1")
    return share


def main() -> None:
    """Run the sections named, all of them when none is."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fidelity", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", choices=(*SECTIONS, []), help=", ".join(SECTIONS))
    parser.add_argument("--share", type=_share, default=1.0, help="how much of each sample, 0 to 1")
    asked = parser.parse_args()
    # Leaves through every `finally`, so that no stack stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    report.show_head()
    for name in asked.names or SECTIONS:
        result = importlib.import_module(f"tests.bench.fidelity.{name}").run(asked.share)
        report.show(result)
        report.write(result)
        plots.draw(result)
    print(f"\nwritten to {report.RESULTS}")


if __name__ == "__main__":
    main()
