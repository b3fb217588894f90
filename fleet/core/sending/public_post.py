"""HTTP requests to a URL that a user entered: only to public addresses, without redirects, with one deadline for all.

The name is resolved once, and the connection goes to an address that was checked: a name that resolves differently
a moment later cannot lead into the server's own network.
"""

import asyncio
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Final

import httpx
from django.conf import settings
from django.utils.translation import gettext as _

from fleet.core.errors import InvalidInput

URL_MOST = 500
#: Seconds for resolving the name, for connecting to one address, and for everything after resolving.
_RESOLVE_S, _CONNECT_S, _TOTAL_S = 5.0, 4.0, 15.0
#: How many addresses of a name are tried.
_ADDRESSES_MOST = 3
#: Lower ports belong to services that a POST could confuse, such as mail servers.
_LOW_PORTS: Final = frozenset({80, 443})
_LOW_PORTS_END = 1_024
#: IPv6 addresses that stand for an IPv4 address behind a translator.
_TRANSLATED = ip_network("64:ff9b::/96")

#: The result of `socket.getaddrinfo`: the last of each entry is an address and a port.
_Resolved = Sequence[tuple[Any, Any, int, str, tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class PublicAnswer:
    """An answer: its status, its headers with names in lower case, and the beginning of its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


class PostRefused(Exception):
    """Roost does not send there: the URL or every address of its name is not allowed."""


class PostUnsent(Exception):
    """No connection was made, so the receiver got nothing."""


class PostBroken(Exception):
    """The connection broke or was too slow; the receiver may have got the message."""


def url_check(url: str) -> None:
    """Raise `InvalidInput` for a URL that Roost would never send to. Resolves no name."""
    try:
        _url_read(url)
    except PostRefused as error:
        raise InvalidInput(str(error), field="address") from error


def url_shown(url: str) -> str:
    """The URL without its path and query, which often work as a password."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError, ValueError):
        return "…"
    return f"{parsed.scheme}://{parsed.netloc.decode()}/…"


def public_post(url: str, *, body: bytes, headers: Mapping[str, str]) -> int:
    """POST a body and return the status. The answer's body is not read.

    Raises `PostRefused`, `PostUnsent` and `PostBroken`.
    """
    return public_request("POST", url, body=body, headers=headers).status


def public_request(
    method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None, answer_most: int = 0
) -> PublicAnswer:
    """Send a request; read at most `answer_most` bytes of the answer's body.

    Raises `PostRefused`, `PostUnsent` and `PostBroken`.
    """
    parsed = _url_read(url)
    addresses = _addresses(parsed.raw_host.decode(), parsed.port or (443 if parsed.scheme == "https" else 80))
    try:
        return asyncio.run(_send(method, parsed, addresses, body, headers, answer_most))
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise PostUnsent(unreached_words(parsed.host, error)) from error
    except (httpx.TimeoutException, TimeoutError) as error:
        raise PostBroken(
            _("%(host)s did not answer properly: no complete answer came within %(n)d s. Look whether it works there.")
            % {"host": parsed.host, "n": _TOTAL_S}
        ) from error
    except httpx.HTTPError as error:
        raise PostBroken(
            _("%(host)s did not answer properly: %(words)s") % {"host": parsed.host, "words": _words(error)}
        ) from error


def unreached_words(host: str, error: BaseException) -> str:
    """Why no connection was made, as a sentence. For a TLS error it also says what to check or who can fix it."""
    cause = _tls_fault(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _(
            "The certificate of %(host)s is not valid (%(words)s): ask whoever runs it to renew or complete it."
        ) % {"host": host, "words": cause.verify_message.rstrip(".")[:200]}
    if cause is not None:
        return _(
            "%(host)s cannot be reached with encryption (%(words)s): check the port, and whether it is encrypted there."
        ) % {"host": host, "words": _words(cause)}
    return _("%(host)s cannot be reached: %(words)s") % {"host": host, "words": _words(error)}


def _tls_fault(error: BaseException) -> ssl.SSLError | None:
    """The TLS error behind a failed connection; None if it failed for another reason."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    return cause


def public_addresses(host: str, port: int) -> list[str]:
    """Resolve a name once, for protocols other than HTTP: the addresses that Roost may connect to.

    Raises `PostRefused` and `PostUnsent`.
    """
    if 0 < port < _LOW_PORTS_END and port not in _LOW_PORTS:
        raise PostRefused(_("Roost does not send to this port: use 80, 443, or one from 1024 on."))
    return _addresses(host, port)


def _url_read(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise PostRefused(_("This is not a URL: enter one such as https://example.org/alerts.")) from error
    if parsed.scheme not in {"http", "https"} or not parsed.host or url.split() != [url]:
        raise PostRefused(_("Enter a URL that begins with https:// or http://."))
    if len(url) > URL_MOST:
        raise PostRefused(_("The URL is too long: at most %(n)d characters.") % {"n": URL_MOST})
    if parsed.userinfo or parsed.fragment:
        raise PostRefused(_("Leave out the login and everything after “#”."))
    if parsed.port is not None and parsed.port < _LOW_PORTS_END and parsed.port not in _LOW_PORTS:
        raise PostRefused(_("Roost does not send to this port: use 80, 443, or one from 1024 on."))
    try:
        literal = ip_address(parsed.host)
    except ValueError:
        return parsed
    if not _is_allowed(literal):
        raise PostRefused(_private_words(parsed.host))
    return parsed


def _addresses(host: str, port: int) -> list[str]:
    """Resolve the name, and return the addresses that Roost may connect to."""
    try:
        found = _resolve(host, port)
    except (OSError, UnicodeError) as error:
        raise PostUnsent(
            _("The name %(host)s cannot be resolved: %(words)s") % {"host": host[:100], "words": _words(error)}
        ) from error
    resolved = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    allowed = [address for address in resolved if "%" not in address and _is_allowed(ip_address(address))]
    if not allowed:
        raise PostRefused(_private_words(host))
    return allowed[:_ADDRESSES_MOST]


def _resolve(host: str, port: int) -> _Resolved:
    """Resolve within a deadline. The system's resolver has none, so it runs in a thread that ends by itself later."""
    answer: Future[_Resolved] = Future()

    def ask() -> None:
        try:
            answer.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answer.set_exception(error)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        return answer.result(timeout=_RESOLVE_S)
    except TimeoutError as error:
        raise OSError(f"no answer within {_RESOLVE_S:g} s") from error


async def _send(
    method: str,
    url: httpx.URL,
    addresses: list[str],
    body: bytes | None,
    headers: Mapping[str, str],
    answer_most: int,
) -> PublicAnswer:
    host = url.raw_host.decode()
    async with (
        asyncio.timeout(_TOTAL_S),
        httpx.AsyncClient(
            trust_env=False, follow_redirects=False, timeout=httpx.Timeout(_TOTAL_S, connect=_CONNECT_S)
        ) as client,
    ):
        failure: Exception | None = None
        for address in addresses:
            request = client.build_request(
                method,
                url.copy_with(host=address),
                content=body,
                headers={"Accept-Encoding": "identity", **headers, "Host": url.netloc.decode()},
                # The certificate is checked against the name, not the address.
                extensions={"sni_hostname": host},
            )
            try:
                answer = await client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                # Keep the TLS error: it says more than the next address being unreachable.
                failure = failure if failure is not None and _tls_fault(failure) else error
                continue
            try:
                return PublicAnswer(answer.status_code, answer.headers, await _beginning(answer, answer_most))
            finally:
                await answer.aclose()
    raise failure or AssertionError("no address")


async def _beginning(answer: httpx.Response, most: int) -> bytes:
    """The beginning of the body. It is asked for uncompressed: a small answer could unpack to a huge one."""
    read = bytearray()
    if most:
        async for part in answer.aiter_raw(65_536):
            read += part
            if len(read) >= most:
                break
    return bytes(read[:most])


def _is_allowed(address: IPv4Address | IPv6Address) -> bool:
    return settings.ROOST_WEBHOOK_PRIVATE_ADDRESSES or _is_public(address)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is on the public internet, also for an IPv4 address inside an IPv6 one."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return _is_public(address.ipv4_mapped)
        if address in _TRANSLATED:
            return _is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
        if address.sixtofour is not None or address.teredo is not None or address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _private_words(host: str) -> str:
    return _("%(host)s is not on the public internet, and this server does not send to private addresses.") % {
        "host": host[:100]
    }


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
