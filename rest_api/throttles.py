"""Rate limits for enrolment, per network and per serial, and for devices that wait to be let in."""

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from rest_api.requests import source_of

_SERIAL_MOST = 64


class EnrolmentSourceThrottle(SimpleRateThrottle):
    """Limits enrolment attempts per network."""

    scope = "enrolment"

    def get_cache_key(self, request: Request, view: APIView) -> str:  # noqa: ARG002 - the library's signature
        """One counter per network."""
        return f"throttle:enrolment:source:{source_of(request._request)}"  # noqa: SLF001 - the library has no other name for it


class EnrolmentSerialThrottle(SimpleRateThrottle):
    """Limits enrolment attempts per serial, whatever network they come from."""

    scope = "enrolment"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:  # noqa: ARG002 - the library's signature
        """One counter per serial. None without a usable serial: validation refuses such a request anyway."""
        data = request.data
        serial = data.get("serial") if isinstance(data, dict) else None
        if not isinstance(serial, str) or not 0 < len(serial) <= _SERIAL_MOST:
            return None
        name = serial.lower().encode(errors="surrogatepass").hex()
        return f"throttle:enrolment:serial:{name}"


class WaitingSourceThrottle(SimpleRateThrottle):
    """Limits polls by waiting devices per network; a whole field team may share one."""

    rate = "240/min"

    def get_cache_key(self, request: Request, view: APIView) -> str:  # noqa: ARG002 - the library's signature
        """One counter per network."""
        return f"throttle:waiting:source:{source_of(request._request)}"  # noqa: SLF001 - the library has no other name for it
