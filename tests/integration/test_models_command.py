"""`dragoman models` at running servers and at a hub."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli.main import app
from services.shared.errors import DragomanError, InvalidRequest, Misconfigured, NotFound, Unavailable
from tests.support.redis_server import free_port
from tests.support.shelf import ALPHA, BETA, GAMMA, Stand, standing
from tests.unit.shared.models_registry import Registry, served, sha256


@pytest.fixture
async def stands() -> AsyncIterator[tuple[Stand, Stand]]:
    async with standing(ALPHA, BETA) as one, standing(ALPHA) as two:
        yield one, two


@pytest.fixture
def at_stands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stands: tuple[Stand, Stand]) -> None:
    monkeypatch.setenv("DRAGOMAN_HOME", str(tmp_path))
    for service in ("ASR", "TTS", "CODEC"):
        monkeypatch.setenv(f"DRAGOMAN_{service}_PORT", str(free_port()))
    addresses = ",".join(f"127.0.0.1:{stand.port}" for stand in stands)
    monkeypatch.setenv("DRAGOMAN_TRANSLATION_TARGET", f"ipv4:{addresses}")


async def models(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, ["models", *arguments], env={"COLUMNS": "200"})


def said(result: Result) -> list[str]:
    """Return what a command says, without the log of the servers in this process."""
    return [line for line in result.output.splitlines() if " serves " in line]


def refusal(result: Result, kind: type[DragomanError]) -> str:
    assert isinstance(result.exception, kind), result.output
    return result.exception.code


@pytest.mark.usefixtures("at_stands")
async def test_what_every_server_holds_is_shown_and_who_does_not_answer() -> None:
    result = await models("serving")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    held = [line.split() for line in lines if line.startswith("translation")]
    assert [line[2:4] for line in held] == [
        ["echo:alpha", "alpha"],
        ["echo:beta", "beta"],
        ["echo:alpha", "alpha"],
    ]
    assert all("loaded" in line for line in held)
    assert [line.split()[-1] for line in lines if line.startswith(("asr", "tts", "codec"))] == [
        "unavailable"
    ] * 3


@pytest.mark.usefixtures("at_stands")
async def test_a_model_is_exchanged_at_every_server(stands: tuple[Stand, Stand]) -> None:
    result = await models("switch", "translation", str(ALPHA), str(GAMMA))
    assert result.exit_code == 0, result.output
    for stand, line in zip(stands, said(result), strict=True):
        assert line == f"ipv4:127.0.0.1:{stand.port} serves gamma 1 sha-gamma"


@pytest.mark.usefixtures("at_stands")
async def test_what_a_server_refuses_is_said_with_its_own_code() -> None:
    assert (
        refusal(await models("switch", "translation", "echo:nothing", str(GAMMA)), NotFound)
        == "unknown_engine"
    )
    assert (
        refusal(await models("switch", "nobody", str(ALPHA), str(GAMMA)), InvalidRequest) == "unknown_service"
    )
    assert refusal(await models("switch", "asr", str(ALPHA), str(GAMMA)), Unavailable) == "unavailable"


@pytest.mark.parametrize("place", ["127.0.0.1", "dns:///localhost", "localhost"])
async def test_a_name_stands_for_all_its_addresses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stands: tuple[Stand, Stand], place: str
) -> None:
    monkeypatch.setenv("DRAGOMAN_HOME", str(tmp_path))
    monkeypatch.setenv("DRAGOMAN_TRANSLATION_TARGET", f"{place}:{stands[0].port}")
    result = await models("switch", "translation", str(BETA), str(GAMMA))
    assert said(result) == [f"ipv4:127.0.0.1:{stands[0].port} serves gamma 1 sha-gamma"]


async def test_a_model_of_a_hub_is_pulled_and_listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    weights, revision = b"weights" * 1000, "c" * 40
    sibling = {
        "rfilename": "model.bin",
        "size": len(weights),
        "blobId": "0" * 40,
        "lfs": {"sha256": sha256(weights), "size": len(weights), "pointerSize": 130},
    }
    listing = {"sha": revision, "siblings": [sibling]}
    files = {
        "/api/models/some/model/revision/main?blobs=true": json.dumps(listing).encode(),
        f"/some/model/resolve/{revision}/model.bin": weights,
    }
    monkeypatch.setenv("DRAGOMAN_MODELS_DIR", str(tmp_path / "models"))
    assert refusal(await models("pull", "some/model"), Misconfigured) == "no_hub"
    with served(Registry(files=files)) as registry:
        monkeypatch.setenv("DRAGOMAN_HUB_URL", registry.url)
        assert "some/model is complete and verified." in (await models("pull", "some/model")).output
        assert "some/model is here." in (await models("pull", "some/model")).output
    lines = (await models("list")).output.splitlines()
    line = next(line for line in lines if line.startswith("some/model"))
    assert "revision cccccccccccc" in line
    assert sha256(weights)[:12] in line
    assert line.split()[-1] == "yes"
