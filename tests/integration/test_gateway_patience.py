"""The gateway's process with clients that stop midway, and with what is no HTTP at all."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.integration.test_gateway_clients import connected, head_of, offset_of
from tests.support.gateway_house import House, fakes, house
from tests.support.waiting import until


@pytest.fixture(scope="module")
def gateway(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A gateway with short patience."""
    short = {"gateway_header_s": 1.0, "gateway_body_idle_s": 1.0}
    with house({"codec": fakes()["codec"]}, redis_url, tmp_path_factory.mktemp("home"), **short) as opened:
        yield opened


@pytest.fixture
def client(gateway: House) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {gateway.key}"}
    with httpx.Client(base_url=gateway.url, headers=headers, timeout=60, trust_env=False) as opened:
        yield opened


def heard(connection: socket.socket) -> bytes:
    """Return all that is said until the other side hangs up."""
    said = b""
    while piece := connection.recv(65536):
        said += piece
    return said


def test_a_body_that_does_not_come_on_is_not_waited_for(gateway: House, client: httpx.Client) -> None:
    begun = client.post("/v1/uploads", headers={"tus-resumable": "1.0.0", "upload-length": "1000"})
    path = begun.headers["location"]
    sent = {"Tus_Resumable": "1.0.0", "Upload_Offset": 0, "Content_Type": "application/offset+octet-stream"}
    with connected(gateway) as slow:
        slow.sendall(
            head_of(gateway, "PATCH", path, Content_Length=1000, Connection="close", **sent) + b"abc"
        )
        said = heard(slow)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert json.loads(said.rpartition(b"\r\n\r\n")[2])["code"] == "upload_too_slow"
    assert offset_of(client, path) == 3


@pytest.mark.parametrize("begun", [b"", b"GET /v1/jobs HT", b"GET /v1/jobs HTTP/1.1\r\nHost: gateway\r\n"])
def test_headers_that_do_not_come_are_not_waited_for(gateway: House, begun: bytes) -> None:
    with connected(gateway) as slow:
        slow.sendall(begun)
        assert heard(slow) == b""


def test_a_connection_that_answered_once_is_not_waited_for_either(gateway: House) -> None:
    with connected(gateway) as slow:
        slow.sendall(head_of(gateway, "GET", "/healthz"))
        assert slow.recv(65536).startswith(b"HTTP/1.1 200 ")
        slow.sendall(b"GET /healthz HT")
        assert b"HTTP/1.1" not in heard(slow)


def test_the_rest_of_a_body_that_was_answered_is_not_waited_for(gateway: House) -> None:
    with connected(gateway) as slow:
        slow.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: gateway\r\nContent-Length: 1000000\r\n\r\n")
        assert slow.recv(65536).startswith(b"HTTP/1.1 401 ")
        slow.settimeout(0.1)

        def hung_up() -> bool:
            try:
                slow.sendall(b"x")
                return slow.recv(65536) == b""
            except TimeoutError:
                return False
            except OSError:
                return True

        until(hung_up)


def test_what_is_no_http_gets_a_problem_document(gateway: House) -> None:
    with connected(gateway) as odd:
        odd.sendall(b"EHLO gateway\r\n\r\n")
        said = heard(odd)
    assert said.startswith(b"HTTP/1.1 400 ")
    assert json.loads(said.rpartition(b"\r\n\r\n")[2])["code"] == "invalid_http"
