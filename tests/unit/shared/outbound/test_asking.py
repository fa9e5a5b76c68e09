"""Requests to real servers of this machine: what is pinned, what is capped, and what is believed."""

from __future__ import annotations

import functools
import ipaddress
import itertools
import time
from base64 import b64decode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import trustme

from services.shared.errors import (
    DragomanError,
    InvalidMedia,
    InvalidRequest,
    Misconfigured,
    TooLarge,
    Unreachable,
)
from services.shared.outbound.asking import Caps, download, post
from services.shared.outbound.policy import Policy, check
from tests.support.receiver import Receiver, Reply, receiving, tunnel

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
HERE = Policy(hosts=None, trusted_networks=LOOPBACK)
CAPS = Caps(total_s=20, max_bytes=1000)
HASTY = Caps(total_s=0.3, max_bytes=1_000_000)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure(authority: trustme.CA) -> Iterator[Receiver]:
    with receiving(authority.issue_cert("files.example.com")) as running:
        yield running


def ca_file(authority: trustme.CA, folder: Path) -> Path:
    file = folder / "ca.pem"
    authority.cert_pem.write_to_path(file)
    return file


def _always(addresses: list[str], _host: str) -> list[str]:
    return addresses


def failure(url: str, policy: Policy = HERE, caps: Caps = CAPS) -> DragomanError:
    with pytest.raises(DragomanError) as raised:
        b"".join(download(url, policy, caps))
    return raised.value


def test_what_lies_there_is_fetched(receiver: Receiver) -> None:
    receiver.answer = Reply(pieces=(b"one ", b"two"))
    assert b"".join(download(receiver.url("/a?b=c"), HERE, CAPS)) == b"one two"
    asked = receiver.asked[0]
    assert (asked.method, asked.path, asked.headers["accept-encoding"]) == ("GET", "/a?b=c", "identity")
    assert "authorization" not in asked.headers


def test_nothing_is_asked_before_the_first_piece_is_wanted(receiver: Receiver) -> None:
    download(receiver.url(), HERE, CAPS)
    assert receiver.asked == []


def test_a_post_says_how_it_was_answered(receiver: Receiver) -> None:
    receiver.answer = Reply(status=429, headers={"Retry-After": "7"}, pieces=(b"x" * 100_000,))
    answer = post(check(receiver.url(), HERE), HERE, CAPS, {"content-type": "application/json"}, b"{}")
    assert (answer.status, answer.headers["retry-after"]) == (429, "7")
    assert (receiver.asked[0].body, receiver.asked[0].headers["content-type"]) == (b"{}", "application/json")
    assert receiver.asked[0].headers["host"] == f"127.0.0.1:{receiver.port}"


def test_a_connection_is_made_to_the_checked_address_while_tls_keeps_the_name(
    secure: Receiver, authority: trustme.CA, tmp_path: Path
) -> None:
    policy = Policy(
        hosts=("files.example.com",),
        ports=frozenset({secure.port}),
        trusted_networks=LOOPBACK,
        ca_file=ca_file(authority, tmp_path),
        resolver=lambda _: ["127.0.0.1"],
    )
    secure.answer = Reply(pieces=(b"sound",))
    assert b"".join(download(secure.url(host="files.example.com"), policy, CAPS)) == b"sound"
    assert secure.asked[0].headers["host"] == f"files.example.com:{secure.port}"


def test_a_certificate_for_another_name_or_of_a_stranger_is_not_believed(
    secure: Receiver, authority: trustme.CA, tmp_path: Path
) -> None:
    known = ca_file(authority, tmp_path)
    for name, file in (("other.example.com", known), ("files.example.com", None)):
        policy = Policy(
            None,
            frozenset({secure.port}),
            trusted_networks=LOOPBACK,
            ca_file=file,
            resolver=lambda _: ["127.0.0.1"],
        )
        error = failure(secure.url(host=name), policy)
        assert (type(error), error.code) == (Unreachable, "url_certificate")
    assert secure.asked == []


def test_certificates_that_cannot_be_read_are_the_operators_matter(tmp_path: Path) -> None:
    policy = Policy(None, trusted_networks=LOOPBACK, ca_file=tmp_path / "absent.pem")
    assert isinstance(failure("https://127.0.0.1:1/", policy), Misconfigured)


def test_a_name_that_changes_its_address_after_the_check_is_asked_at_the_checked_one(
    receiver: Receiver,
) -> None:
    # First one that is allowed, where nobody listens; then a closed one, where somebody does.
    answers = itertools.chain([["127.0.0.2"]], itertools.repeat(["127.0.0.1"]))
    looked_up = []

    def rebinding(host: str) -> list[str]:
        looked_up.append(host)
        return next(answers)

    allowed = (ipaddress.ip_network("127.0.0.2"),)
    policy = Policy(None, frozenset({receiver.port}), trusted_networks=allowed, resolver=rebinding)
    error = failure(f"https://rebind.example.com:{receiver.port}/", policy)
    assert error.code == "url_unreachable"
    assert looked_up == ["rebind.example.com"]
    assert receiver.asked == []


@pytest.mark.parametrize("hidden", ["127.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00::1"])
def test_one_address_that_is_not_public_closes_the_whole_name(hidden: str) -> None:
    for addresses in ([hidden], ["1.1.1.1", hidden], [hidden, "1.1.1.1"]):
        policy = Policy(None, resolver=functools.partial(_always, addresses))
        error = failure("https://split.example.com/", policy)
        assert (type(error), error.code) == (InvalidRequest, "url_not_allowed")


def test_the_next_address_is_asked_when_the_first_is_away(receiver: Receiver) -> None:
    policy = Policy(None, trusted=("two.test",), resolver=lambda _: ["127.0.0.2", "127.0.0.1"])
    receiver.answer = Reply(pieces=(b"here",))
    assert b"".join(download(receiver.url(host="two.test"), policy, CAPS)) == b"here"


def test_a_host_that_is_not_there_is_unreachable() -> None:
    def nobody(_: str) -> list[str]:
        raise OSError

    for resolver in (nobody, functools.partial(_always, [])):
        error = failure("https://absent.example.com/", Policy(None, resolver=resolver))
        assert (type(error), error.code, error.retryable) == (Unreachable, "url_unreachable", True)


def test_a_resolver_that_hangs_costs_no_more_than_the_time(receiver: Receiver) -> None:
    def silent(_: str) -> list[str]:
        receiver.ended.wait()
        return []

    assert failure("https://slow.example.com/", Policy(None, resolver=silent), HASTY).code == "url_timeout"


def test_a_port_where_nobody_listens_is_unreachable() -> None:
    with receiving() as gone:
        url = gone.url()
    assert failure(url).code == "url_unreachable"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    receiver.answer = Reply(status=status, headers={"Location": receiver.url("/elsewhere")})
    error = failure(receiver.url())
    assert (type(error), error.code) == (InvalidRequest, "url_status")
    assert "redirect" in error.detail
    assert len(receiver.asked) == 1


@pytest.mark.parametrize("status", [204, 206, 401, 403, 404, 410])
def test_a_refusal_is_final(receiver: Receiver, status: int) -> None:
    receiver.answer = Reply(status=status)
    error = failure(receiver.url())
    assert (error.code, error.retryable) == ("url_status", False)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_server_that_fails_may_be_asked_again(receiver: Receiver, status: int) -> None:
    receiver.answer = Reply(status=status)
    error = failure(receiver.url())
    assert (error.code, error.retryable) == ("url_status", True)


def test_what_says_that_it_is_too_large_is_not_read(receiver: Receiver) -> None:
    receiver.answer = Reply(headers={"Content-Length": "1001"})
    error = failure(receiver.url())
    assert (type(error), error.code) == (TooLarge, "url_too_large")


def test_what_turns_out_too_large_is_read_no_further(receiver: Receiver) -> None:
    receiver.answer = Reply(pieces=(b"x" * 1000, b"x"))
    received: list[bytes] = []
    with pytest.raises(TooLarge):
        received.extend(download(receiver.url(), HERE, CAPS))
    assert sum(map(len, received)) <= CAPS.max_bytes


def test_types_that_are_not_wanted_and_compressed_ones_are_refused(receiver: Receiver) -> None:
    caps = Caps(total_s=20, max_bytes=1000, content_types=("audio/*", "application/ogg"))
    for headers in (
        {"Content-Type": "text/html"},
        {},
        {"Content-Type": "audio/ogg", "Content-Encoding": "gzip"},
    ):
        receiver.answer = Reply(headers=headers, pieces=(b"x",))
        error = failure(receiver.url(), caps=caps)
        assert (type(error), error.code) == (InvalidMedia, "url_content_type")
    receiver.answer = Reply(headers={"Content-Type": "Audio/OGG; codecs=opus"}, pieces=(b"x",))
    assert b"".join(download(receiver.url(), HERE, caps)) == b"x"


def test_a_body_that_breaks_off_is_noticed(receiver: Receiver) -> None:
    receiver.answer = Reply(headers={"Content-Length": "10"}, pieces=(b"x",))
    assert failure(receiver.url()).code == "url_unreachable"


def drip(handler: BaseHTTPRequestHandler, begin: bytes) -> None:
    """Send a byte again and again, each well within any timeout of a single read."""
    handler.wfile.write(begin)
    try:
        while True:
            handler.wfile.write(b"x")
            time.sleep(0.02)
    except OSError:
        pass


@pytest.mark.parametrize("begin", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nlong: ", b"HT"])
def test_a_server_that_drips_is_cut_off_when_the_time_is_over(receiver: Receiver, begin: bytes) -> None:
    receiver.answer = lambda handler: drip(handler, begin)
    assert failure(receiver.url(), caps=HASTY).code == "url_timeout"


def test_a_server_that_says_nothing_times_out(receiver: Receiver) -> None:
    receiver.answer = receiver.hang
    assert failure(receiver.url(), caps=HASTY).code == "url_timeout"


def flood(handler: BaseHTTPRequestHandler, begin: bytes, again: bytes) -> None:
    try:
        handler.wfile.write(begin)
        while True:
            handler.wfile.write(again)
    except OSError:
        pass


@pytest.mark.parametrize(
    ("begin", "again"),
    [(b"HTTP/1.1 200 OK\r\n", b"a: b\r\n" * 1000), (b"", b"HTTP/1.1 103 Early Hints\r\na: b\r\n\r\n" * 500)],
)
def test_an_endless_head_is_not_read_to_its_end(receiver: Receiver, begin: bytes, again: bytes) -> None:
    receiver.answer = lambda handler: flood(handler, begin, again)
    assert failure(receiver.url(), caps=Caps(total_s=30, max_bytes=1000)).code == "url_unreachable"


def test_a_proxy_is_led_through_by_tls_to_the_name_and_no_further(
    receiver: Receiver, secure: Receiver, authority: trustme.CA, tmp_path: Path
) -> None:
    receiver.answer = functools.partial(tunnel, port=secure.port)
    secure.answer = Reply(pieces=(b"sound",))
    proxy = receiver.url("").replace("127.0.0.1", "dragoman:s3cret@127.0.0.1")
    # The name has no address that anybody here could look up.
    policy = Policy(None, ca_file=ca_file(authority, tmp_path), proxy=proxy)
    assert b"".join(download("https://files.example.com/a?b=c", policy, CAPS)) == b"sound"
    (connect,) = receiver.asked
    assert (connect.method, connect.path) == ("CONNECT", "files.example.com:443")
    assert b64decode(connect.headers["proxy-authorization"].removeprefix("Basic ")) == b"dragoman:s3cret"
    assert (secure.asked[0].path, secure.asked[0].headers["host"]) == ("/a?b=c", "files.example.com")
    assert "proxy-authorization" not in secure.asked[0].headers
    error = failure("https://other.example.com/", policy)
    assert (error.code, len(secure.asked)) == ("url_certificate", 1)


def test_a_proxy_that_refuses_or_drips_is_no_way_out(receiver: Receiver) -> None:
    policy = Policy(None, proxy=receiver.url(""))
    receiver.answer = Reply(status=407)
    assert failure("https://files.example.com/", policy).code == "url_unreachable"
    receiver.answer = lambda handler: drip(handler, b"HT")
    assert failure("https://files.example.com/", policy, HASTY).code == "url_timeout"


def test_a_proxy_makes_the_connection_and_is_given_the_name(receiver: Receiver) -> None:
    receiver.answer = Reply(pieces=(b"by proxy",))
    policy = Policy(None, trusted=("files.example.com",), proxy=receiver.url("/"))
    assert b"".join(download("http://files.example.com/a", policy, CAPS)) == b"by proxy"
    assert receiver.asked[0].path == "http://files.example.com:80/a"
    assert "127.0.0.1" not in repr(policy)
