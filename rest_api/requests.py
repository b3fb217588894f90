"""What a request to the API is, and from where it comes, before any view has looked."""

from ipaddress import IPv6Address, ip_address, ip_network

from django.http import HttpRequest

PREFIX = "/api/v1/"
_PUBLIC = tuple(f"{PREFIX}{name}" for name in ("public/", "openapi.json", "docs"))
#: One line of one customer has this many bits of an IPv6 address for itself: whoever has one address has them all.
_V6_PREFIX = 64


def is_api(request: HttpRequest) -> bool:
    """Whether this asks the API."""
    return request.path.startswith(PREFIX)


def is_private(request: HttpRequest) -> bool:
    """Whether this asks for something that not everybody may see."""
    return is_api(request) and not request.path.startswith(_PUBLIC)


def source_of(request: HttpRequest) -> str:
    """The network that asks: an IPv4 address, or the /64 of an IPv6 one.

    The server's door has put the caller's own address here, where a proxy that we know told it; see `fleet.core.door`.
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
