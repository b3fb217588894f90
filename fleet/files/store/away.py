"""Errors of the object store where contents are kept, each as a sentence for senders and administrators."""

from http import HTTPStatus

from django.utils.translation import gettext as _

from fleet.core.errors import Unavailable

#: Words in the error codes of full stores; each product has its own code.
_FULL = ("full", "quota", "insufficient", "nospace")


class StoreAway(Unavailable):
    """The object store does not answer, refuses, or does not return what it was given. Trying again may help."""


def away_of_code(status: int, code: str) -> StoreAway:
    """The error for an answer with this status. `code` is S3's own word for it."""
    named = f"{status} {code}"[:60].strip()
    if status == HTTPStatus.INSUFFICIENT_STORAGE or any(word in code.lower() for word in _FULL):
        return StoreAway(_("The object store of this server is full (%(named)s).") % {"named": named})
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return StoreAway(_("The object store of this server refuses its login (%(named)s).") % {"named": named})
    if code == "NoSuchBucket":
        return StoreAway(_("The object store of this server does not have the bucket that the settings name."))
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return StoreAway(_("The object store of this server is busy (%(named)s).") % {"named": named})
    if not code:
        # A real store names its errors. The library also ends here for an HTML page that came with status 200.
        return away_strange()
    return StoreAway(_("The object store of this server answered with an error (%(named)s).") % {"named": named})


def away_silent() -> StoreAway:
    """The error for a failed connection, no answer in time, or an answer that broke off."""
    return StoreAway(_("The object store of this server does not answer."))


def away_slow() -> StoreAway:
    """The error for a store that works, but too slowly for a sender who waits."""
    return StoreAway(_("The object store of this server is slow: the file is being stored later."))


def away_strange() -> StoreAway:
    """The error for an answer that does not come from S3, such as an HTML page."""
    return StoreAway(
        _(
            "The answer did not come from an object store: is there a proxy or something else at the address of "
            "this server's object store?"
        )
    )


def away_wrong() -> StoreAway:
    """The error for a store that returned different bytes than it was given: their SHA-256 differs."""
    return StoreAway(_("The object store of this server returned different bytes from those it was given."))


def away_rotten() -> StoreAway:
    """The error for a content that was not sent because the store had it, and that was then found damaged."""
    return StoreAway(
        _("The copy of this file in the object store was just found damaged: the file is being stored again.")
    )


def away_unset() -> StoreAway:
    """The error for a content in an object store that the settings no longer name."""
    return StoreAway(_("This file is in an object store, but the settings of this server name none."))
