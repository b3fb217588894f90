"""The proxies in front of Roost, and the real caller behind them."""

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

#: Assumed addresses of proxies if only their number is configured: on this machine or in a private network.
_NEAR = tuple(
    map(
        ip_network, ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10")
    )
)
_SCHEMES = ("http", "https")
#: Maximum proxies in a row.
_HOPS_MOST = 10


@dataclass(frozen=True, slots=True)
class Proxies:
    """The networks of our proxies, and how many of them a request passes through at most."""

    networks: tuple[Network, ...] = ()
    hops: int = 0

    def caller_put(self, scope: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """The request with the caller's own address and scheme, if one of our proxies reported them."""
        near = _address_of(scope["client"][0]) if scope.get("client") else None
        if near is None or not self._is_ours(near):
            return scope
        told = {**scope, "client": (str(self._caller(near, _header_values(scope, b"x-forwarded-for"))), 0)}
        scheme = ",".join(_header_values(scope, b"x-forwarded-proto")).rpartition(",")[2].strip().lower()
        return {**told, "scheme": scheme} if scheme in _SCHEMES else told

    def _caller(self, near: Address, said: Sequence[str]) -> Address:
        """The caller's address. Starting with the nearest, each of our proxies is believed about the hop before it."""
        chain = [part for line in said for part in line.split(",")]
        for _ in range(self.hops):
            before = _address_of(chain.pop()) if chain and self._is_ours(near) else None
            if before is None:
                break
            near = before
        return near

    def _is_ours(self, address: Address) -> bool:
        return self.hops > 0 and any(address in network for network in self.networks)


def proxies_read(text: str) -> Proxies:
    """Parse ROOST_PROXIES: addresses and networks, or just a number. Raises `ValueError` with a sentence."""
    text = text.strip()
    if not text or text == "0":
        return Proxies()
    if text.isdigit():
        return Proxies(_NEAR, min(int(text), _HOPS_MOST))
    try:
        return Proxies(tuple(ip_network(part.strip()) for part in text.split(",")), _HOPS_MOST)
    except ValueError as error:
        raise ValueError(
            f"ROOST_PROXIES is {text!r}: give the addresses of your proxies, such as 127.0.0.1 or 10.0.0.0/8, "
            "with commas between them."
        ) from error


def _header_values(scope: MutableMapping[str, Any], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _address_of(text: str) -> Address | None:
    """Parse an address as proxies write it, with or without a port."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
