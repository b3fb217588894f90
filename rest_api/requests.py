"""Facts about a request that middleware needs before a view runs: whether it is for the API or private; its network."""

from ipaddress import IPv6Address, ip_address, ip_network

from django.http import HttpRequest

PREFIX = "/api/v1/"
_PUBLIC = tuple(f"{PREFIX}{name}" for name in ("public/", "openapi.json", "docs"))
#: An internet connection usually gets a whole IPv6 /64, so all addresses in it count as one network.
_V6_PREFIX = 64


def is_api(request: HttpRequest) -> bool:
    """Whether this request goes to the API."""
    return request.path.startswith(PREFIX)


def is_private(request: HttpRequest) -> bool:
    """Whether the answer to this request may be seen only by its caller."""
    return is_api(request) and not request.path.startswith(_PUBLIC)


def source_of(request: HttpRequest) -> str:
    """The caller's network: an IPv4 address, or the /64 of an IPv6 address.

    If a trusted proxy named the caller's address, REMOTE_ADDR already holds it; see `fleet.core.requests.door`.
    """
    near = str(request.META.get("REMOTE_ADDR", ""))
    try:
        address = ip_address(near.partition("%")[0])
    except ValueError:
        return near
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ip_network((address, _V6_PREFIX), strict=False))
    return str(address)
