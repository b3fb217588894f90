"""HTTP to receivers: one request, and what its answer means for the rows, as a sentence that somebody can act on."""

from collections.abc import Collection, Mapping, Sequence
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

import msgspec
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fleet.core import clock
from fleet.core.errors import InvalidInput
from fleet.core.sending.public_post import (
    PostBroken,
    PostRefused,
    PostUnsent,
    PublicAnswer,
    public_request,
    url_check,
    url_shown,
)
from fleet.forward.kinds.base import ForwardError

#: Bytes of an answer that are read.
ANSWER_MOST: Final = 1_000_000
_SHOWN_MOST = 300
_RETRY_AFTER_MOST_S = 86_400.0
#: The receiver objects to these rows, not to us. 409: it has other data under their keys.
_OF_ROWS = frozenset({400, 409, 422})
_MEANINGS: Final[Sequence[tuple[Collection[int], Promise]]] = (
    (
        range(200, 300),
        gettext_lazy(
            "The receiver answered %(status)d with a web page, so it took no rows: check that the URL is the one for data."
        ),
    ),
    (
        range(300, 400),
        gettext_lazy(
            "The receiver answered %(status)d, a redirect to %(place)s. Roost follows none: enter the final URL."
        ),
    ),
    (
        (401, 403, 407),
        gettext_lazy("The receiver answered %(status)d: it does not accept the login. Check the secrets here."),
    ),
    (
        (404, 405, 501),
        gettext_lazy("The receiver answered %(status)d: nothing takes data at this address. Check the URL."),
    ),
    ((410,), gettext_lazy("The receiver answered 410: it wants nothing more.")),
    ((413,), gettext_lazy("The receiver answered 413: this is too much for it at once.")),
    ((429,), gettext_lazy("The receiver answered 429: it wants fewer requests for a while. Roost waits.")),
    (range(500, 1_000), gettext_lazy("The receiver answered %(status)d: something is wrong there. Roost tries again.")),
)
#: How a web page begins. A server that answers a POST of rows with one has not taken them.
_PAGE: Final = (b"<!doctype html", b"<html")


def http_check(url: str, *, field: str) -> None:
    """Raise `InvalidInput` for a URL that Roost would never send to."""
    try:
        url_check(url)
    except InvalidInput as error:
        raise InvalidInput(str(error), field=field) from error


def http_send(
    method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None, done: int = 0, known: int = 0
) -> PublicAnswer:
    """Send one request and return its answer, a success. Raises `ForwardError` with this `done` and `known`."""
    try:
        answer = public_request(
            method, url, body=body, headers={"User-Agent": "Roost", **headers}, answer_most=ANSWER_MOST
        )
    except (PostRefused, PostUnsent, PostBroken) as error:
        raise ForwardError(str(error), done=done, known=known) from error
    status = answer.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES and not _is_page(answer):
        return answer
    raise ForwardError(
        f"{_sentence(answer)} {_words(answer)}".strip(),
        done=done,
        known=known,
        is_rows=status in _OF_ROWS,
        is_too_many=status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        is_gone=status == HTTPStatus.GONE,
        retry_after_s=_retry_after(answer),
    )


def json_of(answer: PublicAnswer, *, done: int = 0, known: int = 0) -> Any:
    """The answer's JSON. Raises `ForwardError`."""
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if coding := _coding(answer):
            sentence = _("The receiver compressed its answer (%(coding)s), though Roost asks it not to.") % {
                "coding": coding
            }
        elif len(answer.body) >= ANSWER_MOST:
            sentence = _("The receiver's answer is longer than 1 MB, so Roost stopped reading it. Check the URL.")
        else:
            sentence = _("The receiver did not answer with JSON. Check the URL.")
        raise ForwardError(sentence, done=done, known=known) from error


def _sentence(answer: PublicAnswer) -> str:
    """The meaning of an answer, and what to do about it."""
    place = answer.headers.get("location", "")
    told = {
        "status": answer.status,
        "place": url_shown(place) if "://" in place[:10] else place.partition("?")[0][:100] or "…",
    }
    found = next((text for statuses, text in _MEANINGS if answer.status in statuses), None)
    return str(_("The receiver answered %(status)d.") if found is None else found) % told


def _words(answer: PublicAnswer) -> str:
    """The beginning of the receiver's own words; empty for a redirect, a web page or a compressed answer."""
    if _is_page(answer) or _coding(answer) or HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        return ""
    return " ".join(answer.body[:10_000].decode(errors="replace").split())[:_SHOWN_MOST]


def _is_page(answer: PublicAnswer) -> bool:
    return answer.body[:1_000].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGE)


def _coding(answer: PublicAnswer) -> str:
    coding = answer.headers.get("content-encoding", "")[:20]
    return "" if coding.lower() == "identity" else coding


def _retry_after(answer: PublicAnswer) -> float | None:
    """Seconds to wait, which the receiver gives as a number or as a moment (RFC 9110)."""
    told = answer.headers.get("retry-after", "").strip()
    if told.isascii() and told.isdigit():
        return min(float(told), _RETRY_AFTER_MOST_S)
    try:
        moment = parsedate_to_datetime(told)
        return min(max((moment - clock.now()).total_seconds(), 0.0), _RETRY_AFTER_MOST_S)
    except (ValueError, TypeError):
        # Not a date, or one without a time zone.
        return None
