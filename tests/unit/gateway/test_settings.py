"""The gateway's knobs."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.codec.settings import CodecSettings
from services.gateway.settings import GatewaySettings
from services.shared.config import load
from services.shared.errors import Misconfigured


def test_the_key_lies_in_the_home_folder(tmp_path: Path) -> None:
    assert GatewaySettings(home=tmp_path).admin_key_file == tmp_path / "admin.key"


def test_knobs_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_GATEWAY_MAX_UPLOAD_BYTES", "4096")
    assert load(GatewaySettings).gateway_max_upload_bytes == 4096


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DRAGOMAN_GATEWAY_MAX_UPLOAD_BYTES", "0"),
        ("DRAGOMAN_GATEWAY_EVENTS_POLL_S", "0"),
        ("DRAGOMAN_GATEWAY_HEARTBEAT_S", "soon"),
        ("DRAGOMAN_HTTP_HOST", "::1"),
        ("DRAGOMAN_HTTP_HOST", ""),
    ],
)
def test_a_wrong_knob_stops_the_start_and_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured, match=name):
        load(GatewaySettings)


def test_the_codec_takes_every_file_that_the_gateway_takes() -> None:
    assert CodecSettings().codec_max_file_bytes == GatewaySettings().gateway_max_upload_bytes
