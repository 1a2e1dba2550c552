"""Which addresses may be asked: every range of the special-purpose registries at its edges, and every disguise."""

from __future__ import annotations

import pytest

from preserve.rules.address import refusal


@pytest.mark.parametrize(
    "ip",
    ["1.1.1.1", "93.184.216.34", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
     "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "198.17.255.255",
     "198.20.0.0", "223.255.255.255", "2606:4700::1111", "2a00:1450::1", "2001:200::1", "2620:4f:8000::1",
     "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:0101:0101::1"],
)  # fmt: skip
def test_the_public_internet_may_be_asked(ip: str) -> None:
    assert refusal(ip) is None


@pytest.mark.parametrize(
    ("ip", "why"),
    [
        ("0.0.0.0", "unspecified"),
        ("0.255.255.255", "this network"),
        ("10.0.0.0", "private"),
        ("10.255.255.255", "private"),
        ("100.64.0.0", "carrier-grade NAT"),
        ("100.127.255.255", "carrier-grade NAT"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("169.254.169.254", "link-local"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.0.0.170", "reserved"),
        ("192.168.0.1", "private"),
        ("198.19.255.255", "benchmarking"),
        ("224.0.0.1", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("fc00::1", "private"),
        ("fdff::1", "private"),
        ("fec0::1", "private"),
        ("ff02::1", "multicast"),
        ("100::1", "discard-only"),
        ("2001:db8::1", "documentation"),
        ("3fff:0fff::1", "documentation"),
        ("4000::1", "reserved"),
        ("::ffff:127.0.0.1", "loopback (v4-mapped)"),
        ("::ffff:10.0.0.1", "private (v4-mapped)"),
        ("::ffff:0.0.0.0", "unspecified (v4-mapped)"),
        ("::127.0.0.1", "loopback (v4-compatible)"),
        ("::ffff:0:127.0.0.1", "reserved"),
        ("64:ff9b::127.0.0.1", "loopback (NAT64)"),
        ("64:ff9b::192.168.1.1", "private (NAT64)"),
        ("64:ff9b:1::1.1.1.1", "local-use translation"),
        ("2002:7f00:0001::", "loopback (6to4)"),
        ("2002:c0a8:0101::1", "private (6to4)"),
        ("2001:0:0101:0101::80ff:fffe", "loopback (Teredo)"),
        ("2001:0:7f00:1::fefe:fefe", "loopback (Teredo server)"),
        ("2001:4860::5efe:127.0.0.1", "loopback (ISATAP)"),
        ("2001:4860::200:5efe:10.0.0.1", "private (ISATAP)"),
        ("site.example", "not an IP address"),
        ("127.1", "not an IP address"),
    ],
)
def test_what_is_refused_and_why(ip: str, why: str) -> None:
    assert refusal(ip) == why


def test_allow_private_lifts_all_but_the_unspecified_address() -> None:
    for ip in (
        "127.0.0.1",
        "::1",
        "10.0.0.1",
        "fe80::1",
        "::ffff:127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b:1::1",
        "240.0.0.1",
    ):
        assert refusal(ip, allow_private=True) is None
    for ip in ("0.0.0.0", "::", "::ffff:0.0.0.0", "64:ff9b::0.0.0.0", "2002::", "not.an.ip"):
        assert refusal(ip, allow_private=True) is not None
