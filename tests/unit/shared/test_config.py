"""Settings come from the environment, say what is wrong with it, and show no value of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import Field, ValidationError

from services.asr.settings import AsrSettings
from services.codec.settings import CodecSettings
from services.gateway.settings import GatewaySettings
from services.shared.config import Settings, load
from services.shared.errors import Misconfigured
from services.shared.tasks import SERVICES
from services.translation.settings import TranslationSettings
from services.tts.settings import TtsSettings

KINDS: tuple[type[Settings], ...] = (
    Settings,
    AsrSettings,
    TranslationSettings,
    TtsSettings,
    CodecSettings,
    GatewaySettings,
)
SECRET = "redis-password-4711"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("DRAGOMAN_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_is_described_in_a_sentence(kind: type[Settings]) -> None:
    for name, field in kind.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_has_a_default_that_works(kind: type[Settings]) -> None:
    assert load(kind) == kind()


@pytest.mark.parametrize("kind", KINDS)
def test_settings_never_change(kind: type[Settings]) -> None:
    with pytest.raises(ValidationError):
        load(kind).host = "0.0.0.0"  # type: ignore[misc]  # that is the point


def test_the_environment_wins_over_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_HTTP_PORT", "9090")
    monkeypatch.setenv("DRAGOMAN_HOME", "/srv/dragoman")
    settings = load(Settings)
    assert settings.http_port == 9090
    assert settings.artifacts_dir == Path("/srv/dragoman/artifacts")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DRAGOMAN_HTTP_PORT", SECRET),
        ("DRAGOMAN_HTTP_PORT", "0"),
        ("DRAGOMAN_ASR_PORT", "65536"),
        ("DRAGOMAN_LOG_LEVEL", SECRET),
        ("DRAGOMAN_UNIT_DEADLINE_S", "0"),
        ("DRAGOMAN_DRAIN_S", "-1"),
        ("DRAGOMAN_REDIS_URL", f"127.0.0.1:6379/{SECRET}"),
        ("DRAGOMAN_REDIS_URL", f"http://:{SECRET}@127.0.0.1:6379"),
        ("DRAGOMAN_BROKER_URL", f"127.0.0.1:6379/{SECRET}"),
    ],
)
def test_a_wrong_value_is_named_by_its_variable_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Misconfigured) as caught:
        load(Settings)
    assert variable in caught.value.detail
    assert SECRET not in caught.value.detail
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_every_wrong_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_HTTP_PORT", "http")
    monkeypatch.setenv("DRAGOMAN_LOG_LEVEL", "loud")
    with pytest.raises(Misconfigured) as caught:
        load(Settings)
    assert "DRAGOMAN_HTTP_PORT" in caught.value.detail
    assert "DRAGOMAN_LOG_LEVEL" in caught.value.detail


class ListSettings(Settings):
    """Settings with a list, which the environment gives as JSON."""

    channels: tuple[int, ...] = Field((), description="Some channels.")


def test_a_list_that_is_no_json_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_CHANNELS", SECRET)
    with pytest.raises(Misconfigured) as caught:
        load(ListSettings)
    assert "channels" in caught.value.detail.lower()
    assert SECRET not in caught.value.detail


def test_variables_of_other_rooms_are_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_NO_SUCH_SETTING", "1")
    assert load(Settings) == Settings()


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_found_at_its_port_or_where_it_is_said_to_be(service: str) -> None:
    settings = Settings(host="10.0.0.1")
    assert settings.target_of(service) == f"10.0.0.1:{settings.port_of(service)}"
    named = Settings.model_validate({f"{service}_target": "dns:///there:1"})
    assert named.target_of(service) == "dns:///there:1"


def test_ports_are_all_different() -> None:
    settings = Settings()
    ports = [settings.http_port, *(settings.port_of(service) for service in SERVICES)]
    assert len(set(ports)) == len(ports)


def test_only_this_module_reads_the_environment(repository: Path) -> None:
    reads = [
        path.relative_to(repository).as_posix()
        for path in (repository / "services").rglob("*.py")
        if "os.environ" in path.read_text() or "getenv" in path.read_text()
    ]
    # It settles what libraries find there, and takes nothing from it for itself.
    reads.remove("services/shared/surroundings.py")
    assert [path for path in reads if not path.startswith("services/cli/")] == []


@pytest.mark.parametrize("url", ["redis://h:1/0", "rediss://:p@h:1/0", "unix:///run/redis.sock?db=1"])
def test_every_way_to_reach_a_redis_is_taken(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("DRAGOMAN_REDIS_URL", url)
    assert load(Settings).redis_url == url
