"""Check of the network addresses that a URL resolves to, against SSRF. A name is resolved once, and all must be global."""

import socket
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias

from backend.errors import FetchFailed, FetchTimeout, UrlForbidden
from backend.files.limits import FetchPolicy

Address: TypeAlias = IPv4Address | IPv6Address

# Only this part of IPv6 is allocated for the public Internet.
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")
# Global by number, but not part of the Internet: the 6to4 relay, and the wire server of Azure's machines.
_NEVER: Final = (IPv4Network("192.88.99.0/24"), IPv4Network("168.63.129.16/32"))


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
    """Whether `address` and every IPv4 address embedded in it are allowed."""
    hidden = tuple(_hidden_addresses(address))
    if hidden:
        return all(is_allowed(inner, policy) for inner in hidden)
    return _is_global(address) or (policy.allow_private and _is_private(address))


def _hidden_addresses(address: Address) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses embedded in an IPv6 address: mapped, 6to4, Teredo (both ends) and NAT64."""
    if not isinstance(address, IPv6Address):
        return
    if address.ipv4_mapped:
        yield address.ipv4_mapped
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo
    if address in _NAT64:
        yield IPv4Address(int(address) & 0xFFFF_FFFF)


def _is_global(address: Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, IPv6Address):
        return address in _GLOBAL_UNICAST
    return not any(address in network for network in _NEVER)


def _is_private(address: Address) -> bool:
    """Whether it is a loopback or private address. Link-local does not count: clouds serve their credentials there."""
    if address.is_loopback:
        return True
    return address.is_private and not (
        address.is_link_local or address.is_multicast or address.is_reserved or address.is_unspecified
    )


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
