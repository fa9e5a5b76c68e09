"""The import rules hold, and each of them would notice being broken."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT


@dataclass(frozen=True)
class Plant:
    """An import that breaks a contract.

    Attributes:
        contract: Its id in .importlinter.
        source: The module that gets the import.
        target: What it imports.
    """

    contract: str
    source: str
    target: str


PLANTS = (
    Plant("strangers", "services.asr.core", "services.translation.core"),
    Plant("strangers", "services.cli.client", "services.gateway.settings"),
    Plant("shared", "services.shared.stage", "services.tts.settings"),
    Plant("foundation", "services.shared.errors", "services.shared.config"),
    Plant("foundation", "services.shared.ledger.ledger", "services.shared.broker"),
    Plant("foundation", "services.shared.leases", "services.shared.stage"),
    Plant("sharedwire", "services.shared.telemetry", "grpc"),
    Plant("carrier", "services.shared.ledger.records", "celery"),
    Plant("model", "services.tts.core", "services.tts.server"),
    Plant("model", "services.asr.engines.fake", "services.asr.core"),
    Plant("engines", "services.codec.core", "protos"),
    Plant("engines", "services.translation.engines.fake", "celery"),
    Plant("workers", "services.codec.worker", "services.codec.engines"),
    Plant("workers", "services.tts.worker", "services.tts.server"),
    Plant("light", "services.translation.worker", "fxtranslate"),
    Plant("light", "services.gateway.dispatch", "av"),
    Plant("gateway", "services.gateway.storage.redis", "services.gateway.api"),
    Plant("jobs", "services.gateway.jobs.model", "redis"),
    Plant("client", "dragoman.exchange", "services.shared.errors"),
    Plant("client", "dragoman.drivers", "redis"),
    Plant("gateway", "services.gateway.webhooks.service", "services.gateway.api"),
    Plant("foundation", "services.shared.outbound.policy", "services.shared.stage"),
    Plant("stubs", "protos.v1.asr_pb2", "services.shared.errors"),
    Plant("tests", "services.gateway.app", "tests.support"),
    Plant("tests", "dragoman.client", "tests.support"),
)


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def contracts() -> dict[str, str]:
    """Return the name of every contract by its id."""
    rules = configparser.ConfigParser()
    rules.read(ROOT / ".importlinter")
    marker = "importlinter:contract:"
    return {
        section.removeprefix(marker): rules[section]["name"]
        for section in rules.sections()
        if section.startswith(marker)
    }


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the linter says of a copy of the tree in which every contract is broken."""
    folder = tmp_path_factory.mktemp("planted")
    skip = shutil.ignore_patterns("__pycache__", "*.wav", "test_*.py")
    for top in ("dragoman", "services", "protos", "tests"):
        shutil.copytree(ROOT / top, folder / top, ignore=skip)
    shutil.copy(ROOT / ".importlinter", folder)
    for plant in PLANTS:
        with (folder / plant.source.replace(".", "/")).with_suffix(".py").open("a") as module:
            module.write(f"import {plant.target}\n")
    return lint(folder).stdout


def complaint(report: str, contract: str) -> str:
    """Return the linter's explanation of one broken contract, empty when it was kept."""
    name = re.escape(contracts()[contract])
    found = re.search(rf"^{name}\n-+\n(.*?)(?=^\S[^\n]*\n-+$|\Z)", report, re.DOTALL | re.MULTILINE)
    return found.group(1) if found else ""


def test_the_tree_keeps_every_import_contract() -> None:
    outcome = lint(ROOT)
    assert outcome.returncode == 0, outcome.stdout


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: f"{plant.contract}:{plant.source}")
def test_a_planted_violation_is_caught(planted: str, plant: Plant) -> None:
    assert f"{plant.source} -> {plant.target} (l." in complaint(planted, plant.contract)


def test_every_contract_has_a_planted_violation() -> None:
    assert {plant.contract for plant in PLANTS} == set(contracts())
