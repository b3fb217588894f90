"""The server's time, from its site's `Date`: a reference for a station with neither NTP nor GPS.

A certificate's authority and name are checked as always, but its dates against the time that the server gives, because
the station's own time is in doubt. So lying about the time requires the key of a certificate that was valid at the
claimed time.
"""

import http.client
import ssl
import time
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

_SECONDS = 20.0
#: OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python does not expose.
NO_CHECK_TIME = 0x200000


class ServerTime(NamedTuple):
    """`at` in seconds since 1970 UTC, at monotonic time `read_at`; not `is_checked` over plain HTTP."""

    at: float
    read_at: float
    is_checked: bool


def server_time_ask(server: str, ca_pem: str) -> ServerTime:
    """Ask the site. Raises OSError, `http.client.HTTPException` or ValueError if it gives no credible answer."""
    parts = urlsplit(server)
    host, certificate = parts.hostname or "", None
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        if ca_pem:
            context.load_verify_locations(cadata=ca_pem)
        context.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)
        secured = http.client.HTTPSConnection(host, parts.port, timeout=_SECONDS, context=context)
        secured.connect()
        certificate = secured.sock.getpeercert()
        connection = secured
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=_SECONDS)
    try:
        begun = time.monotonic()
        connection.request("HEAD", "/", headers={"User-Agent": "station-agent"})
        answer = connection.getresponse()
        ended = time.monotonic()
    finally:
        connection.close()
    date = answer.headers["Date"]
    if not date:
        raise ValueError("The site did not report the time.")
    # The header has whole seconds; the true time is half a second later on average.
    at = parsedate_to_datetime(date).timestamp() + 0.5
    if certificate is not None:
        dates_check(certificate, at)
    return ServerTime(at, (begun + ended) / 2, certificate is not None)


def dates_check(certificate: Any, at: float) -> None:
    """Raise `SSLCertVerificationError` if the certificate is not valid at that time."""
    first, last = (ssl.cert_time_to_seconds(certificate[name]) for name in ("notBefore", "notAfter"))
    if not first <= at <= last:
        error = ssl.SSLCertVerificationError()
        error.verify_message = "certificate has expired" if at > last else "certificate is not yet valid"
        raise error
