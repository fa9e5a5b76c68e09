"""Which URLs and addresses may be asked, before anybody is."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.config import Settings
from services.shared.errors import InvalidRequest, Misconfigured
from services.shared.outbound.addresses import is_public
from services.shared.outbound.policy import Policy, check, patterns

ANY_PUBLIC = Policy(hosts=None)
LISTED = Policy(hosts=("files.example.com", "*.example.org"))
CLOSED = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4", "::/128", "::1/128", "::ffff:0:0/96",
    "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/32", "2001:db8::/32", "2002::/16",
    "fc00::/7",
    "fe80::/10", "fec0::/10", "ff00::/8",
]  # fmt: skip


@pytest.mark.parametrize("network", CLOSED)
@given(st.data())
def test_no_address_of_a_closed_network_is_public(network: str, data: st.DataObject) -> None:
    closed = ipaddress.ip_network(network)
    address = data.draw(st.ip_addresses(network=closed))
    assert not is_public(address)


@given(st.ip_addresses())
def test_whatever_python_calls_not_global_is_not_public(address: ipaddress.IPv4Address) -> None:
    assert address.is_global or not is_public(address)


@given(st.ip_addresses(v=4))
def test_no_ipv6_form_of_an_ipv4_address_is_public(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    nat64 = int(ipaddress.IPv6Address("64:ff9b::")) + number
    six_to_four = 0x2002 << 112 | number << 80
    teredo = 0x20010000 << 96 | (number ^ 0xFFFFFFFF)
    for wrapped in (number, 0xFFFF << 32 | number, nat64, six_to_four, teredo):
        assert not is_public(ipaddress.IPv6Address(wrapped))


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "2606:4700::1111"])
def test_usual_addresses_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://files.example.com/a.wav", "ftp://files.example.com/a", "file:///etc/passwd", "gopher://files.example.com/",
        "unix:///run/redis.sock", "//files.example.com/", "files.example.com", "", "https://", "https:///path",
        "https://user@files.example.com/", "https://user:word@files.example.com/", "https://@files.example.com/",
        "https://files.example.com:22/", "https://files.example.com:80/", "https://files.example.com:0/",
        "https://files.example.com:99999/", "https://files.example.com\\@elsewhere.net/",
        "https://files.example.com/a b",
        "https://files.example.com/\r\nx: y", "https://files.example.com/\x00", "https://files.example.com./",
        "https://.example.com/", "https://-a.example.com/", "https://ex\u00e4mple.com/",
        "https://\uff11\uff12\uff17.0.0.1/",
        "https://[::1/", "https://2130706433/", "https://0x7f.1/", "https://127.1/", "https://0177.0.0.1/",
        "https://a.example.com/" + "a" * 2048,
    ],
)  # fmt: skip
def test_a_url_of_the_wrong_form_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check(url, ANY_PUBLIC)
    assert refused.value.code == "url_not_allowed"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "[::1]",
        "[fd00::1]",
        "[::ffff:8.8.8.8]",
        "[64:ff9b::808:808]",
    ],
)
def test_an_address_that_is_not_public_is_refused_at_once(host: str) -> None:
    with pytest.raises(InvalidRequest, match="not public"):
        check(f"https://{host}/", ANY_PUBLIC)


@pytest.mark.parametrize(
    "host", ["files.example.com", "FILES.Example.COM", "a.example.org", "a.b.example.org"]
)
def test_hosts_on_the_list_pass(host: str) -> None:
    assert check(f"https://{host}/a?b=c", LISTED).path == "/a?b=c"


@pytest.mark.parametrize(
    "host", ["example.org", "example.com", "files.example.com.evil.net", "xexample.org", "8.8.8.8"]
)
def test_other_hosts_do_not(host: str) -> None:
    with pytest.raises(InvalidRequest, match="not on the list"):
        check(f"https://{host}/", LISTED)


def test_a_name_in_another_script_passes_in_its_ascii_form() -> None:
    for host in ("xn--bcher-kva.example", "XN--Bcher-KVA.example"):
        target = check(f"https://{host}/", Policy(hosts=("xn--bcher-kva.example",)))
        assert (target.host, target.netloc) == ("xn--bcher-kva.example",) * 2
    assert check("https://[2606:4700::1111]:8443/", ANY_PUBLIC).netloc == "[2606:4700::1111]:8443"


@pytest.mark.parametrize(
    "proxy", ["proxy:3128", "https://u:s3cret@proxy:3128", "http://", "socks5://p:1", "http://:x"]
)
def test_a_proxy_that_cannot_be_used_is_the_operators_matter(proxy: str) -> None:
    with pytest.raises(Misconfigured, match="OUTBOUND_PROXY") as wrong:
        Policy.of(Settings(outbound_proxy=proxy), hosts=None)
    assert "s3cret" not in wrong.value.detail


def test_an_empty_list_allows_nothing() -> None:
    with pytest.raises(InvalidRequest, match="not on the list"):
        check("https://files.example.com/", Policy(hosts=()))


def test_a_target_says_what_to_connect_to() -> None:
    target = check("https://Files.Example.Com:8443/a%20b?c=d#e", ANY_PUBLIC)
    assert (target.scheme, target.host, target.port) == ("https", "files.example.com", 8443)
    assert (target.netloc, target.path) == ("files.example.com:8443", "/a%20b?c=d")


def test_a_refusal_quotes_no_secret() -> None:
    for url in ("https://evil.net/?token=s3cret", "https://u:s3cret@files.example.com/", "ftp://x/s3cret"):
        with pytest.raises(InvalidRequest) as refused:
            check(url, LISTED)
        assert "s3cret" not in refused.value.detail
    assert "s3cret" not in repr(check("https://a.example.org/?token=s3cret", LISTED))


def test_trusted_hosts_may_be_asked_by_http_at_any_port() -> None:
    settings = Settings(outbound_trusted="127.0.0.0/8, receiver.test, *.svc")
    policy = Policy.of(settings, hosts=None)
    for url in (
        "http://127.0.0.1:1234/",
        "http://receiver.test:81/",
        "http://a.b.svc/",
        "https://127.9.9.9:1/",
    ):
        check(url, policy)
    for url in ("http://10.0.0.1/", "http://other.test/", "http://[::1]/", "https://10.0.0.1/"):
        with pytest.raises(InvalidRequest):
            check(url, policy)


def test_trust_does_not_open_the_list_of_hosts() -> None:
    with pytest.raises(InvalidRequest, match="not on the list"):
        check("http://127.0.0.1/", Policy.of(Settings(outbound_trusted="127.0.0.0/8"), hosts=()))


def test_a_trusted_network_does_not_make_a_name_trusted_that_may_lie_elsewhere() -> None:
    policy = Policy.of(Settings(outbound_trusted="10.0.0.0/8"), hosts=None)
    with pytest.raises(InvalidRequest, match="https"):
        check("http://inside.example.com/", policy)
    assert policy.allows("inside.example.com", ipaddress.ip_address("10.1.1.1"))
    assert not policy.allows("inside.example.com", ipaddress.ip_address("192.168.1.1"))


def test_host_lists_are_read_strictly() -> None:
    assert patterns(" A.example.com ,*.b.org,") == ("a.example.com", "*.b.org")
    for wrong in ("https://a.com", "a.*.com", "*com", "a b", "a.com:443", "[::1]"):
        with pytest.raises(Misconfigured):
            patterns(wrong)
    for ports in ("0", "x", "70000", "-1"):
        with pytest.raises(Misconfigured, match="OUTBOUND_PORTS"):
            Policy.of(Settings(outbound_ports=ports), hosts=None)
