"""Check of the network addresses that a URL resolves to, against SSRF. A name is resolved once, and all must be global."""

import socket
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias

from backend.errors import FetchFailed, FetchTimeout, UrlForbidden
from backend.files.limits import FetchPolicy

Address: TypeAlias = IPv4Address | IPv6Address

# The product's own tables, since those of Python's `ipaddress` differ by version. Source: the IANA IPv4 and IPv6 Special-Purpose Address
# Registries (RFC 6890, RFC 8190; both as updated on 2025-10-09) and the address spaces of multicast. Blocks that the
# registries call globally reachable are here too where no web server is: they are relays, sinks and anycast services.
_NOT_PUBLIC: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network (RFC 791)
            "10.0.0.0/8",  # private use (RFC 1918)
            "100.64.0.0/10",  # shared by carriers (RFC 6598)
            "127.0.0.0/8",  # loopback (RFC 1122)
            "168.63.129.16/32",  # the wire server of Azure's machines: of no registry
            "169.254.0.0/16",  # link local (RFC 3927): clouds serve credentials here
            "172.16.0.0/12",  # private use (RFC 1918)
            "192.0.0.0/24",  # protocol assignments (RFC 6890): DS-Lite, NAT64 discovery, a cloud's metadata
            "192.0.2.0/24",  # documentation (RFC 5737)
            "192.31.196.0/24",  # AS112 (RFC 7535)
            "192.52.193.0/24",  # AMT (RFC 7450)
            "192.88.99.0/24",  # 6to4 relays (RFC 7526)
            "192.168.0.0/16",  # private use (RFC 1918)
            "192.175.48.0/24",  # AS112 (RFC 7534)
            "198.18.0.0/15",  # benchmarks (RFC 2544)
            "198.51.100.0/24",  # documentation (RFC 5737)
            "203.0.113.0/24",  # documentation (RFC 5737)
            "224.0.0.0/4",  # multicast (RFC 5771)
            "240.0.0.0/4",  # reserved (RFC 1112), and limited broadcast (RFC 8190)
        ),
    )
)
# Only this part of IPv6 is allocated for the public Internet. Outside it are ::1, NAT64 of one's own (64:ff9b:1::/48), 100::/64, 100:0:0:1::/64
# (RFC 9780), 5f00::/16 (RFC 9602), fc00::/7, fe80::/10, multicast, and IPv4 in forms that are out of use.
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NOT_PUBLIC_IN_IT: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments (RFC 2928): benchmarks, ORCHID, AMT, AS112, drones
            "2001:db8::/32",  # documentation (RFC 3849)
            "2002::/16",  # 6to4 (RFC 3056): judged by the address in it
            "2620:4f:8000::/48",  # AS112 (RFC 7534)
            "3ffe::/16",  # the former 6bone (RFC 3701)
            "3fff::/20",  # documentation (RFC 9637)
        ),
    )
)
# Those of one's own, which a setting allows.
_PRIVATE: Final = tuple(map(IPv4Network, ("10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
_PRIVATE_V6: Final = tuple(map(IPv6Network, ("::1/128", "fc00::/7")))

_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_6TO4: Final = IPv6Network("2002::/16")
_TEREDO: Final = IPv6Network("2001::/32")
_ISATAP: Final = (0x0000_5EFE, 0x0200_5EFE)
_32_BITS: Final = 0xFFFF_FFFF


def resolve_allowed(host: str, port: int, policy: FetchPolicy, timeout_seconds: float) -> tuple[Address, ...]:
    """Resolve `host` and return its addresses, in the resolver's order, if all of them are allowed.

    Raises:
        UrlForbidden: at least one address is not allowed.
        FetchFailed: the name does not resolve.
        FetchTimeout: the resolver did not answer within `timeout_seconds`.

    """
    addresses = _resolve(host, port, timeout_seconds)
    for address in addresses:
        if not is_allowed(address, policy):
            raise UrlForbidden(
                f"{host} resolves to {address}, which this server may not contact.", hint="Use a public address."
            )
    return addresses


def is_allowed(address: Address, policy: FetchPolicy) -> bool:
    """Whether a request may go to `address`: it is public, or private where the policy allows that, and so is every IPv4 address
    embedded in it. Anything that sends requests to an address of somebody else asks this."""
    hidden = tuple(_hidden_addresses(address))
    if hidden:
        return all(is_allowed(inner, policy) for inner in hidden)
    return is_public(address) or (policy.allow_private and _is_private(address))


def is_public(address: Address) -> bool:
    """Whether an address is one of the Internet. Those that embed another are not: see `is_allowed`."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC)
    return address in _GLOBAL_UNICAST and not any(address in network for network in _NOT_PUBLIC_IN_IT)


def _is_private(address: Address) -> bool:
    networks = _PRIVATE if isinstance(address, IPv4Address) else _PRIVATE_V6
    return any(address in network for network in networks)


def _hidden_addresses(address: Address) -> Iterator[Address]:
    """Yield the addresses that packets to an IPv6 address go to: mapped, 6to4, Teredo (both ends), NAT64, and ISATAP below a public
    prefix."""
    if isinstance(address, IPv4Address):
        return
    number = int(address)
    if address in _MAPPED or address in _NAT64:
        yield IPv4Address(number & _32_BITS)
    elif address in _6TO4:
        yield IPv4Address(number >> 80 & _32_BITS)
    elif address in _TEREDO:
        yield IPv4Address(number >> 64 & _32_BITS)
        yield IPv4Address(~number & _32_BITS)
    elif number >> 32 & _32_BITS in _ISATAP:
        yield IPv4Address(number & _32_BITS)
        yield IPv6Address(number >> 64 << 64)


def _resolve(host: str, port: int, timeout_seconds: float) -> tuple[Address, ...]:
    outcome: list[tuple[Address, ...] | OSError | UnicodeError | ValueError] = []

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            outcome.append(tuple(dict.fromkeys(ip_address(entry[4][0]) for entry in found)))
        except (OSError, UnicodeError, ValueError) as error:
            outcome.append(error)

    # getaddrinfo has no timeout. The thread is a daemon, so that a dead resolver does not delay the process's exit.
    thread = threading.Thread(target=ask, name="resolve", daemon=True)
    thread.start()
    thread.join(max(timeout_seconds, 0.0))
    if not outcome:
        raise FetchTimeout(f"The address of {host} was not found in time.", hint="Try again later.")
    if not isinstance(outcome[0], tuple):
        raise FetchFailed(f"{host} has no address ({outcome[0]}).", hint="Check the URL.")
    return outcome[0]
