import socket
import threading
from ipaddress import IPv6Address, ip_address, ip_network
from typing import NoReturn

import pytest

from backend.errors import FetchFailed, FetchTimeout, UrlForbidden
from backend.files.outbound import check_url
from backend.files.outbound.addresses import is_allowed, is_public, resolve_allowed
from tests.support.limits import make_fetch_policy

STRICT = make_fetch_policy()
LENIENT = make_fetch_policy(allow_private=True)

GLOBAL = ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::1"]
HIDDEN_GLOBAL = [
    "::ffff:8.8.8.8",
    "2002:808:808::1",
    "64:ff9b::8.8.8.8",
    "2a00:1::5efe:8.8.8.8",
    "2001:0:808:808::f7f7:f7f7",
]
GLOBAL += [
    "191.255.255.255",
    "192.0.1.1",
    "198.17.255.255",
    "198.20.0.1",
    "223.255.255.255",
    "3fff:1000::1",
    "2001:200::1",
]
PRIVATE = ["127.0.0.1", "127.8.9.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "::1", "fc00::1", "fd12:3456::1"]
PRIVATE += ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "2002:a00:1::1", "64:ff9b::127.0.0.1"]
PRIVATE += ["64:ff9b::10.0.0.1"]
NEVER = ["0.0.0.0", "::", "169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%1", "224.0.0.1", "ff02::1"]
NEVER += ["255.255.255.255", "240.0.0.1", "::ffff:169.254.169.254", "2002:a9fe:a9fe::1", "64:ff9b::169.254.169.254"]
NEVER += ["::ffff:0.0.0.0", "168.63.129.16", "192.88.99.1", "fec0::1", "::7f00:1", "::10.0.0.1", "5f00::1"]
# Carrier-grade NAT is neither Internet nor one's own network.
NEVER += ["100.64.0.1", "100.100.100.200"]
NEVER += [
    "192.0.0.8",
    "192.0.0.192",
    "192.0.0.9",
    "192.0.2.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
]
NEVER += [
    "192.31.196.1",
    "192.52.193.1",
    "192.175.48.1",
    "3fff::1",
    "3fff:fff:ffff::1",
    "2001:db8::1",
    "2001:2::1",
    "2001:10::1",
]
NEVER += [
    "2001:1::1",
    "2001:4:112::1",
    "2620:4f:8000::1",
    "3ffe::1",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "5f00::1",
    "4000::1",
]
NEVER += [
    "::ffff:0:808:808",
    "2002:c000:2::1",
    "64:ff9b::192.0.2.1",
    "::ffff:198.18.0.1",
    "2a00:1::5efe:169.254.169.254",
]
NEVER += ["2a00:1::200:5efe:100.64.0.1"]
# Every block of the IANA IPv4 and IPv6 Special-Purpose Address Registries, as updated on 2025-10-09. The forms that embed IPv4 (mapped,
# NAT64, Teredo and 6to4) are judged by what they embed: see above.
REGISTRIES = [
    "0.0.0.0/8",
    "0.0.0.0/32",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.0.0/29",
    "192.0.0.8/32",
    "192.0.0.9/32",
    "192.0.0.10/32",
    "192.0.0.170/32",
    "192.0.0.171/32",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.88.99.2/32",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "240.0.0.0/4",
    "255.255.255.255/32",
    "::1/128",
    "::/128",
    "64:ff9b:1::/48",
    "100::/64",
    "100:0:0:1::/64",
    "2001:1::1/128",
    "2001:1::2/128",
    "2001:1::3/128",
    "2001:2::/48",
    "2001:3::/32",
    "2001:4:112::/48",
    "2001:10::/28",
    "2001:20::/28",
    "2001:30::/28",
    "2001:db8::/32",
    "2620:4f:8000::/48",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
]
# Teredo: server 65.54.227.120, client (inverted) 127.0.0.1.
TEREDO_LOOPBACK = "2001:0:4136:e378:8000:63bf:80ff:fffe"


@pytest.mark.parametrize("address", GLOBAL + HIDDEN_GLOBAL)
def test_is_allowed__global(address: str) -> None:
    assert is_allowed(ip_address(address), STRICT)
    assert is_allowed(ip_address(address), LENIENT)


@pytest.mark.parametrize("block", REGISTRIES)
def test_is_public__no_block_of_the_registries(block: str) -> None:
    """At both ends and in the middle, and as what other forms embed."""
    network = ip_network(block)
    for address in (network[0], network[network.num_addresses // 2], network[-1]):
        assert not is_public(address)
        assert not is_allowed(address, STRICT)
        if address.version == 4:
            for form in (f"::ffff:{address}", f"64:ff9b::{address}", f"2a00:1::5efe:{address}"):
                assert not is_allowed(ip_address(form), STRICT)


@pytest.mark.parametrize("address", PRIVATE)
def test_is_allowed__private(address: str) -> None:
    assert not is_allowed(ip_address(address), STRICT)
    assert is_allowed(ip_address(address), LENIENT)


@pytest.mark.parametrize("address", NEVER)
def test_is_allowed__never(address: str) -> None:
    assert not is_allowed(ip_address(address), STRICT)
    assert not is_allowed(ip_address(address), LENIENT)


def test_is_allowed__teredo() -> None:
    teredo = IPv6Address(TEREDO_LOOPBACK)
    assert teredo.teredo == (ip_address("65.54.227.120"), ip_address("127.0.0.1"))

    assert not is_allowed(teredo, STRICT)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0",
        "::1",
        "::ffff:127.0.0.1",
        "169.254.169.254",
        "10.1.2.3",
    ],
)
def test_resolve_allowed__every_spelling_of_a_forbidden_address(host: str) -> None:
    with pytest.raises(UrlForbidden, match="may not contact"):
        resolve_allowed(host, 80, STRICT, 5.0)


def test_resolve_allowed__returns_what_was_checked() -> None:
    assert [str(one) for one in resolve_allowed("8.8.8.8", 80, STRICT, 5.0)] == ["8.8.8.8"]
    assert all(one.is_loopback for one in resolve_allowed("localhost", 80, LENIENT, 5.0))


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 70 + ".invalid", "bad..name", "fe80::1%nope", "a b"])
def test_resolve_allowed__no_address(host: str) -> None:
    with pytest.raises((FetchFailed, UrlForbidden)):
        resolve_allowed(host, 80, STRICT, 20.0)


def test_resolve_allowed__no_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver may answer at once, even that there is nobody: this one does not before it has been given up."""
    given_up = threading.Event()

    def answer(*_: object, **__: object) -> NoReturn:
        given_up.wait()
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    with pytest.raises(FetchTimeout):
        resolve_allowed("nowhere.invalid", 80, STRICT, 0.0)
    given_up.set()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://8.8.8.8/x",
        "file:///etc/passwd",
        "gopher://8.8.8.8/",
        "//8.8.8.8/x",
        "8.8.8.8",
        "http://💩.example/",
        "",
        "http://",
        "http:///x",
        "javascript:alert(1)",
        "data:image/png;base64,AAAA",
        "http://user@8.8.8.8/",
        "http://user:pass@8.8.8.8/",
        "http://8.8.8.8:22/",
        "https://8.8.8.8:8443/",
        "http://8.8.8.8:0/",
        "http://8.8.8.8:99999/",
        "http://8.8.8.8:x/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:7f00:1]/",
        "http://0x7f.1/",
        "http://[fe80::1%25lo]/",
        "http://8.8.8.8\\@127.0.0.1/",
        "http://8.8.8.8/\r\nHost: x",
        "http://8.8.8.8/" + "x" * 5000,
    ],
)
def test_check_url__forbidden(url: str) -> None:
    with pytest.raises(UrlForbidden) as caught:
        check_url(url, STRICT)

    assert caught.value.hint
    assert "pass" not in str(caught.value).replace("password", "").replace("etc/passwd", "")


@pytest.mark.parametrize("url", ["http://8.8.8.8/a.jpg", "HTTPS://8.8.8.8:443", "http://[2606:4700::1111]/x?y#z"])
def test_check_url__allowed(url: str) -> None:
    assert check_url(url, STRICT)


@pytest.mark.parametrize("host", ["xn--ls8h.invalid", "xn--", "xn--a.invalid"])
def test_check_url__names_that_are_not_unicode_are_looked_up(host: str) -> None:
    """Such names exist in the DNS, though IDNA 2008 knows no Unicode form of them."""
    with pytest.raises((FetchFailed, FetchTimeout)):
        check_url(f"http://{host}/", STRICT)


def test_check_url__ports_of_the_policy() -> None:
    assert check_url("http://8.8.8.8:8080/", make_fetch_policy(ports=(8080,)))
    with pytest.raises(UrlForbidden, match="Port 80"):
        check_url("http://8.8.8.8/", make_fetch_policy(ports=(8080,)))
