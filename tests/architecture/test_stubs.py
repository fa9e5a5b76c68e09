"""The stubs in the repository are what the compiler makes of the protos now."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, files

OUTPUTS = ("--python_out", "--grpc_python_out", "--mypy_out", "--mypy_grpc_out")
PROTOS = sorted(str(path) for path in files() if path.suffix == ".proto")
STUBS = sorted(
    str(path) for path in files() if path.parts[0] == "protos" and path.stem.endswith(("_pb2", "_pb2_grpc"))
)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with stubs made just now."""
    folder = tmp_path_factory.mktemp("stubs")
    # The compiler finds its mypy plugins on PATH.
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", *(f"{each}={folder}" for each in OUTPUTS)]
    subprocess.run([*command, *PROTOS], cwd=ROOT, env=environment, check=True, capture_output=True)
    return folder


def test_no_stub_is_missing_or_left_over(fresh: Path) -> None:
    made = sorted(str(path.relative_to(fresh)) for path in fresh.rglob("*") if path.is_file())
    assert made == STUBS


@pytest.mark.parametrize("stub", STUBS)
def test_a_stub_is_what_the_compiler_makes_now(fresh: Path, stub: str) -> None:
    assert (ROOT / stub).read_text() == (fresh / stub).read_text()
