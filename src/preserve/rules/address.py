"""Which addresses a citation may lead to: those of the public Internet.

A cited URL, a redirect or a picture in a page is written by a stranger; it must not make this machine ask its own neighbours.
The rule is asked with every address just before connecting to it, never with a name. Sources: the IANA special-purpose
registries for IPv4 and IPv6 (RFC 6890 and its updates). Forms that carry an IPv4 address inside an IPv6 one are unwrapped first:
v4-mapped and v4-compatible (RFC 4291 section 2.5.5), NAT64 (RFC 6052), 6to4 (RFC 3056), Teredo (RFC 4380), ISATAP (RFC 5214).
"""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_V4 = tuple(
    (IPv4Network(network), words)
    for network, words in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_V6 = tuple(
    (IPv6Network(network), words)
    for network, words in (
        ("::1/128", "loopback"),
        ("64:ff9b:1::/48", "local-use translation"),
        ("100::/64", "discard-only"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "documentation"),
        ("3fff::/20", "documentation"),
        ("5f00::/16", "segment routing"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private"),
        ("ff00::/8", "multicast"),
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_MAPPED = IPv6Network("::ffff:0:0/96")
_COMPATIBLE = IPv6Network("::/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_6TO4 = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)


def refusal(ip: str, *, allow_private: bool = False) -> str | None:
    """Why this IP address (text, IPv6 without brackets) is not to be asked, in a few words; None when it may be.

    `allow_private` lifts everything but the unspecified address, which means "any of mine" and names nobody.
    """
    try:
        address = ip_address(ip)
    except (AddressValueError, ValueError):
        return "not an IP address"
    if isinstance(address, IPv6Address):
        return _refusal_v6(address, allow_private)
    return _refusal_v4(address, allow_private)


def _refusal_v4(address: IPv4Address, allow_private: bool) -> str | None:
    if address == IPv4Address(0):
        return "unspecified"
    if allow_private:
        return None
    return next((words for network, words in _V4 if address in network), None)


def _refusal_v6(address: IPv6Address, allow_private: bool) -> str | None:
    if int(address) == 0:
        return "unspecified"
    if address in _COMPATIBLE and int(address) == 1:
        return None if allow_private else "loopback"
    for form, inner in _inside(address):
        if why := _refusal_v4(inner, allow_private):
            return f"{why} ({form})"
    if allow_private:
        return None
    if address in _MAPPED or address in _NAT64 or address in _TEREDO:
        return None  # only a carrier, and what it carries is public
    for network, words in _V6:
        if address in network:
            return words
    return None if address in _GLOBAL_UNICAST else "reserved"


def _inside(address: IPv6Address) -> tuple[tuple[str, IPv4Address], ...]:
    """The IPv4 addresses that an IPv6 address carries, each with the name of the form."""
    number = int(address)
    low = IPv4Address(number & 0xFFFF_FFFF)
    if address in _MAPPED:
        return (("v4-mapped", low),)
    if address in _NAT64:
        return (("NAT64", low),)
    if address in _COMPATIBLE:
        return (("v4-compatible", low),)
    if address in _6TO4:
        return (("6to4", IPv4Address(number >> 80 & 0xFFFF_FFFF)),)
    if address in _TEREDO:
        server = IPv4Address(number >> 64 & 0xFFFF_FFFF)
        return (("Teredo", IPv4Address(~number & 0xFFFF_FFFF)), ("Teredo server", server))
    if number >> 32 & 0xFFFF_FFFF in _ISATAP:
        return (("ISATAP", low),)
    return ()
