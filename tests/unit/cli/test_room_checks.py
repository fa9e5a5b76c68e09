"""What the doctor says of the rooms: cores, engines, models, and the pairs that a running server has."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest
from pydantic import Field

from protos.v1 import translation_pb2
from services.cli import room_checks
from services.cli.findings import Check, Health
from services.cli.settings import CliSettings
from services.shared import threads
from services.shared.config import Settings
from services.shared.engines import EngineSpec, Reference, table
from tests.support.shelf import ALPHA, standing


class RoomSettings(Settings):
    """A room that chooses its slots, and has one thread unless told."""

    room_slots: int = Field(0)
    room_threads: int = Field(1)
    room_device: str = Field("cpu")

    @property
    def room_slots_chosen(self) -> int:
        return self.room_slots or 2


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 2)


def test_what_was_chosen_is_told_with_the_cores() -> None:
    check = room_checks.use_of_cores("room", RoomSettings())
    assert check == Check("room threads", Health.OK, "2 slots x 1 thread of 2 cores, chosen from the cores")


def test_what_was_asked_for_is_told_by_its_variable() -> None:
    check = room_checks.use_of_cores("room", RoomSettings(room_slots=1, room_threads=2))
    assert check.found == "1 slot x 2 threads of 2 cores, by DRAGOMAN_ROOM_SLOTS and DRAGOMAN_ROOM_THREADS"
    assert not check.remedy


def test_more_threads_than_cores_are_said_to_be_too_many_on_a_processor() -> None:
    assert room_checks.use_of_cores("room", RoomSettings(room_slots=4)).remedy
    assert not room_checks.use_of_cores("room", RoomSettings(room_slots=4, room_device="cuda")).remedy


ENGINES = table(
    EngineSpec("here", "no.module", ("pytest",), "lite", "Installed."),
    EngineSpec("absent", "no.module", ("pytest", "no_such_package"), "extra", "Not installed."),
    EngineSpec("elsewhere", "no.module", ("pytest",), "lite", "Asks a server.", weights=False),
)


def engine(settings: CliSettings, engine: str, model: str = "") -> Check:
    return room_checks.engine("room", ENGINES, Reference(engine, model), settings)


def test_an_engine_is_told_with_the_versions_of_its_packages(settings: CliSettings) -> None:
    check = engine(settings, "here")
    assert check == Check("room engine", Health.OK, f"here, pytest {pytest.__version__}")


def test_what_is_missing_says_what_to_install_or_pull(settings: CliSettings) -> None:
    absent = engine(settings, "absent")
    assert absent.health is Health.BAD
    assert "no_such_package: pip install -r requirements/extra.txt" in absent.remedy
    assert "DRAGOMAN_ROOM_ENGINES takes absent, elsewhere, here" in engine(settings, "unknown").remedy
    model = engine(settings, "here", "owner/name")
    assert model.health is Health.BAD
    assert "dragoman models pull owner/name" in model.remedy


def test_a_model_that_is_here_is_told_by_its_hash(settings: CliSettings, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"weights")
    check = engine(settings.model_copy(update={"models_dir": tmp_path / "models"}), "here", str(tmp_path))
    assert check.health is Health.OK
    assert f"sha256 {hashlib.sha256(b'weights').hexdigest()[:12]}" in check.found


def test_a_model_of_a_server_elsewhere_is_not_looked_for_here(settings: CliSettings) -> None:
    assert engine(settings, "elsewhere", "owner/name").health is Health.OK


def test_every_room_of_the_default_installation_is_told(settings: CliSettings) -> None:
    found = list(room_checks.all_rooms(settings))
    for service in ("asr", "translation", "tts", "codec"):
        assert {f"{service} threads", f"{service} engine"} <= {check.component for check in found}


def test_a_wrong_setting_of_a_room_is_named(settings: CliSettings, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DRAGOMAN_ASR_ENGINES", " , ")
    check = next(check for check in room_checks.all_rooms(settings) if check.component == "asr")
    assert (check.health, check.found) == (Health.BAD, "no_engine")


async def test_the_pairs_of_the_running_server_are_told(environment: pytest.MonkeyPatch) -> None:
    async with standing(ALPHA) as stand:
        environment.setenv("DRAGOMAN_TRANSLATION_PORT", str(stand.port))
        check = await asyncio.to_thread(room_checks.pairs, CliSettings())
    assert check.health is Health.OK
    assert check.found == "de>en en>pt; by en: de>pt"


def test_without_a_server_the_pairs_are_not_known_yet(settings: CliSettings) -> None:
    assert room_checks.pairs(settings).health is Health.IDLE


def test_very_many_pairs_are_counted() -> None:
    many = [translation_pb2.LanguagePair(source_language=f"x{n}", target_language="en") for n in range(25)]
    assert room_checks._told(many) == "25 pairs, see `dragoman stages`"
