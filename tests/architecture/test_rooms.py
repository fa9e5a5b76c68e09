"""The four model services are built alike, and workers start without model libraries."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from services.shared.tasks import SERVICES
from tests.architecture.tree import ROOT, modules

ROOM = (
    "README.md", "core.py", "server.py", "settings.py", "worker.py",
    "engines/base.py", "engines/fake.py", "engines/registry.py",
)  # fmt: skip
WIRE = {"grpc", "celery", "fastapi", "protos"}
MODEL_LIBRARIES = {
    "av",
    "ctranslate2",
    "faster_whisper",
    "fxtranslate",
    "kokoro_onnx",
    "numpy",
    "onnxruntime",
}


def loaded_by(*names: str) -> set[str]:
    """Return the top packages that a fresh interpreter has loaded after importing modules."""
    script = f"import json, sys, {', '.join(names)}; print(json.dumps(sorted(sys.modules)))"
    command = [sys.executable, "-c", script]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {name.partition(".")[0] for name in json.loads(printed)}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("file", ROOM)
def test_a_room_has_every_part(service: str, file: str) -> None:
    assert (ROOT / "services" / service / file).is_file()


@pytest.mark.parametrize("service", SERVICES)
def test_a_room_has_an_engine_that_is_real(service: str) -> None:
    engines = {path.stem for path in (ROOT / "services" / service / "engines").glob("*.py")}
    assert engines - {"__init__", "base", "fake", "registry"}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("process", ["server", "worker"])
def test_a_process_of_a_room_can_be_run_as_a_module(service: str, process: str) -> None:
    texts = {module.name: module.text for module in modules("services")}
    assert texts[f"services.{service}.{process}"].endswith('if __name__ == "__main__":\n    main()\n')


@pytest.mark.parametrize("service", SERVICES)
def test_a_server_describes_itself_and_a_worker_lists_its_stages(service: str) -> None:
    texts = {module.name: module.text for module in modules("services")}
    assert "\ndef spec(settings: " in texts[f"services.{service}.server"]
    assert "\nHANDLERS: Final" in texts[f"services.{service}.worker"]


@pytest.mark.parametrize("service", SERVICES)
def test_the_core_and_the_engine_table_load_neither_wire_nor_model(service: str) -> None:
    room = f"services.{service}"
    loaded = loaded_by(f"{room}.core", f"{room}.engines.registry", f"{room}.engines.fake")
    assert loaded & (WIRE | MODEL_LIBRARIES - {"numpy"}) == set()


@pytest.mark.parametrize("service", SERVICES)
def test_a_worker_loads_no_model_library(service: str) -> None:
    assert loaded_by(f"services.{service}.worker") & MODEL_LIBRARIES == set()


def test_the_gateway_the_reconciler_and_the_cli_load_no_model_library() -> None:
    loaded = loaded_by("services.gateway.app", "services.gateway.reconciler", "services.cli.main")
    assert loaded & MODEL_LIBRARIES == set()
