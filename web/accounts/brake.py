"""The rate limit for failed logins. A browser that was logged in before is counted separately.

Otherwise anyone who knows a name could lock that person out by typing wrong passwords all day.
"""

import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from web.accounts.logins import user_of_login

COOKIE = "roost_known"
_SALT = "web.accounts.brake"
_AGE_S = 180 * 24 * 3600


def brake_key(request: HttpRequest | None, typed: str) -> str:
    """The key under which failures for this login are counted."""
    known = _known(request)
    if known is not None:
        user = user_of_login(typed)
        if user is not None and user.pk == known[0]:
            return f"browser:{known[0]}:{known[1]}"
    return f"login:{typed.strip().casefold()}"


def browser_remember(request: HttpRequest, response: HttpResponse, user_id: int) -> None:
    """Mark the browser as one this person logged in with; the mark gives no access."""
    known = _known(request)
    if known is not None and known[0] == user_id:
        return
    response.set_cookie(
        COOKIE,
        signing.dumps([user_id, secrets.token_urlsafe(12)], salt=_SALT),
        max_age=_AGE_S,
        path=settings.LOGIN_URL,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _known(request: HttpRequest | None) -> tuple[int, str] | None:
    sealed = request.COOKIES.get(COOKIE, "") if request is not None else ""
    try:
        user_id, name = signing.loads(sealed, salt=_SALT, max_age=_AGE_S)
    except (signing.BadSignature, TypeError, ValueError):
        return None
    return (user_id, name) if isinstance(user_id, int) else None
