"""What a request to the API is, and who sends it, before any view has looked."""

import hashlib

from django.conf import settings
from django.http import HttpRequest

PREFIX = "/api/v1/"


def is_api(request: HttpRequest) -> bool:
    """Whether this asks the API."""
    return request.path.startswith(PREFIX)


def source_of(request: HttpRequest) -> str:
    """The network address that asks. What a proxy that is not ours says of it is anybody's invention."""
    near = str(request.META.get("REMOTE_ADDR", ""))
    proxies = int(str(settings.REST_FRAMEWORK["NUM_PROXIES"]))
    said = [part.strip() for part in str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",") if part.strip()]
    return said[-min(proxies, len(said))] if proxies and said else near


def asker_of(request: HttpRequest) -> str:
    """A word for whoever asks: the key, the person, or nobody (empty). Never the secret itself."""
    if header := request.META.get("HTTP_AUTHORIZATION", ""):
        return hashlib.sha256(f"key\n{header}".encode(errors="replace")).hexdigest()
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        return hashlib.sha256(f"person\n{user.pk}".encode()).hexdigest()
    return ""
