"""How tests are spread over the workers of pytest-xdist: by file, or by what several files share."""

from __future__ import annotations

from typing import Final

from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]  # xdist has no types

# What shares an installation that takes long to start, which one worker then starts once.
_TOGETHER: Final = {
    "tests/e2e/": "a whole stack",
    "tests/integration/test_metrics.py": "an observed run",
    "tests/integration/test_traces.py": "an observed run",
}


class Spread(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives a worker whole files, so that what a module shares is made once."""

    def _split_scope(self, nodeid: str) -> str:
        for start, group in _TOGETHER.items():
            if nodeid.startswith(start):
                return group
        return str(super()._split_scope(nodeid))
