"""The site's ASGI application, run by uvicorn."""

import gc
import os
import re
from typing import cast

import django
from django.conf import settings
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "web.settings")

django.setup(set_prefix=False)

from fleet.core.requests.door import Application, Door, Scope  # noqa: E402 - the domain is imported after the set-up
from fleet.files.store.place import place_mark  # noqa: E402
from fleet.files.store.uploads import FILE_MOST  # noqa: E402
from rest_api.streams import UploadStreams, is_stream  # noqa: E402
from sg_status.status.language import language_asked  # noqa: E402
from web.kept_answers import KeptAnswers  # noqa: E402
from web.threads import SiteHandler  # noqa: E402

#: Maximum bytes of a body: in general, and for a form with photos or files. Other forms and the API have lower limits
#: of their own. An upload may be as long as the store allows: only a little of it is read before its sender is known,
#: and it is written to disk as it arrives.
BODY_MOST, FORM_MOST = 4_000_000, 32_000_000
_FORMS = re.compile(r"/photos/?\Z|/files/stored/\Z")
#: A request with neither of these headers is not logged in, so it gets the lower limit.
_LOGINS = frozenset({b"authorization", b"cookie"})


def body_most(scope: Scope) -> int:
    """Maximum bytes of this request's body. It applies before anything has checked who sends the request."""
    is_login = any(name in _LOGINS for name, _value in scope["headers"])
    if is_login and is_stream(scope):
        return FILE_MOST
    return FORM_MOST if is_login and _FORMS.search(scope["path"]) else BODY_MOST


def is_kept(path: str) -> bool:
    """Whether answers at this path may be kept for everybody: only public status pages."""
    return path.startswith("/status/")


application = Door(
    KeptAnswers(UploadStreams(cast("Application", SiteHandler())), is_kept=is_kept, language=language_asked),
    proxies=settings.ROOST_PROXIES,
    most=body_most,
)


def settle() -> None:
    """Mark the folder of files, and load everything that the first request would have to load.

    Everything loaded is excluded from garbage collection, which delayed a page by 0.2 s.
    """
    _ = get_resolver().url_patterns
    place_mark()
    gc.collect()
    gc.freeze()


settle()
