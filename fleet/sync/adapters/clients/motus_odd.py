"""Sentences about answers of Motus' servers that are not data: a web page, an error, a cut-off answer, a redirect."""

from http import HTTPStatus

import httpx
from django.utils.translation import gettext as _

from fleet.sync.adapters.base import SyncError
from fleet.sync.adapters.clients.motus import plain

_MOVED = (
    HTTPStatus.MOVED_PERMANENTLY,
    HTTPStatus.FOUND,
    HTTPStatus.TEMPORARY_REDIRECT,
    HTTPStatus.PERMANENT_REDIRECT,
)


def odd_answer(status: int, body: bytes, *, who: str, setting: str) -> SyncError:
    """The error that says what arrived instead of data. `who` answered, at the address in the setting `setting`."""
    text = plain(body[:2_000].decode(errors="replace"))
    begins, is_passing = body.lstrip()[:1], status not in _MOVED
    if status in _MOVED:
        words = _(
            "%(who)s has moved (status %(status)d): the server's administrator sets %(setting)s to its new address."
        )
    elif begins == b"<":
        words = _("%(who)s answered with a web page instead of data; it may be under maintenance. Roost asks again.")
    elif status == HTTPStatus.TOO_MANY_REQUESTS:
        words = _("%(who)s is busy and asks us to wait. Roost asks again later.")
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        words = _("%(who)s has an internal error (status %(status)d). Roost asks again.")
    elif status == HTTPStatus.OK and begins == b"{":
        words = _("The answer of %(who)s was cut off. Roost asks again.")
    elif not begins:
        words = _("%(who)s gave an empty answer (status %(status)d). Roost asks again.")
    else:
        words, is_passing = _("%(who)s gave an answer that Roost does not know (status %(status)d): %(text)s"), False
    named = {"who": who, "status": status, "text": text, "setting": setting}
    return SyncError(words % named, is_passing=is_passing)


def odd_column(column: str, *, who: str) -> SyncError:
    """The error that says which column of an answer is missing or cannot be read."""
    words = _("Column %(column)s in the answer of %(who)s is missing or cannot be read, so nothing was taken from it.")
    return SyncError(words % {"who": who, "column": column})


def broken_connection(error: httpx.HTTPError, *, who: str) -> SyncError:
    """The error that says why no answer arrived."""
    named = {"who": who}
    if isinstance(error, httpx.TimeoutException):
        return SyncError(_("%(who)s did not answer in time. Roost asks again.") % named, is_passing=True)
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return SyncError(
            _(
                "The certificate of %(who)s has expired or cannot be trusted, so nothing was sent. Motus has to renew it."
            )
            % named
        )
    if isinstance(error, httpx.ConnectError):
        return SyncError(_("%(who)s cannot be reached. Roost asks again.") % named, is_passing=True)
    return SyncError(_("The connection to %(who)s broke. Roost asks again.") % named, is_passing=True)
