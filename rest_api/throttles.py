"""How often an enrolment may be tried: by the source of the request and by the serial it names."""

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from rest_api.requests import source_of

_SERIAL_MOST = 64


class EnrolmentSourceThrottle(SimpleRateThrottle):
    """So many attempts from one network address."""

    scope = "enrolment"

    def get_cache_key(self, request: Request, view: APIView) -> str:  # noqa: ARG002 - the library's signature
        """One counter a network."""
        return f"throttle:enrolment:source:{source_of(request._request)}"  # noqa: SLF001 - the library has no other name for it


class EnrolmentSerialThrottle(SimpleRateThrottle):
    """So many attempts for one serial, from wherever they come."""

    scope = "enrolment"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:  # noqa: ARG002 - the library's signature
        """One counter a serial; a body that names none is refused for that, and needs none."""
        data = request.data
        serial = data.get("serial") if isinstance(data, dict) else None
        if not isinstance(serial, str) or not 0 < len(serial) <= _SERIAL_MOST:
            return None
        name = serial.lower().encode(errors="surrogatepass").hex()
        return f"throttle:enrolment:serial:{name}"


class WaitingSourceThrottle(SimpleRateThrottle):
    """So many questions of waiting devices from one network address; a whole field team may be behind it."""

    rate = "240/min"

    def get_cache_key(self, request: Request, view: APIView) -> str:  # noqa: ARG002 - the library's signature
        """One counter a network."""
        return f"throttle:waiting:source:{source_of(request._request)}"  # noqa: SLF001 - the library has no other name for it
