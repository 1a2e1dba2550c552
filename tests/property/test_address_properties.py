"""The address rule beside the standard library's view of the same registries."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from hypothesis import given
from hypothesis import strategies as st

from preserve.rules.address import refusal

_V4 = st.integers(0, 2**32 - 1).map(IPv4Address)


@given(_V4)
def test_what_the_standard_library_calls_not_global_is_refused(address: IPv4Address) -> None:
    if not address.is_global or address.is_multicast:
        assert refusal(str(address)) is not None


@given(st.integers(0, 2**128 - 1).map(IPv6Address))
def test_the_same_for_ipv6(address: IPv6Address) -> None:
    if not address.is_global or address.is_multicast:
        assert refusal(str(address)) is not None


@given(_V4, st.sampled_from(["::ffff:{}", "64:ff9b::{}", "::{}"]))
def test_a_disguise_changes_nothing(address: IPv4Address, form: str) -> None:
    if refusal(str(address)) is not None:
        assert refusal(form.format(address)) is not None
