"""The site's ASGI application, run by uvicorn."""

import gc
import os
import re
from typing import cast

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "web.settings")

_django = get_asgi_application()

from fleet.core.door import Application, Door, Scope  # noqa: E402 - the domain is imported after the set-up

#: Octets of a body: of any, and of a photo. What a form or the API takes is less, and said in its own words.
BODY_MOST, PHOTO_MOST = 4_000_000, 32_000_000
_PHOTOS = re.compile(r"/photos/?\Z")
#: Whoever shows none of these is not logged in, and uploads nothing.
_LOGINS = frozenset({b"authorization", b"cookie"})


def body_most(scope: Scope) -> int:
    """How long the body of this request may be, before anybody has looked who sends it."""
    is_login = any(name in _LOGINS for name, _value in scope["headers"])
    return PHOTO_MOST if is_login and _PHOTOS.search(scope["path"]) else BODY_MOST


application = Door(cast("Application", _django), proxies=settings.ROOST_PROXIES, most=body_most)


def settle() -> None:
    """Load what the first request would, and keep it out of the search for garbage, which held a page up for 0.2 s."""
    _ = get_resolver().url_patterns
    gc.collect()
    gc.freeze()


settle()
