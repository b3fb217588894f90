"""HTTP to receivers: one request, and what its answer means for the rows."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from django.utils.translation import gettext as _

from fleet.core.errors import InvalidInput
from fleet.core.sending.public_post import (
    PostBroken,
    PostRefused,
    PostUnsent,
    PublicAnswer,
    public_request,
    url_check,
)
from fleet.forward.kinds.base import ForwardError

#: Bytes of an answer that are read.
ANSWER_MOST: Final = 1_000_000
_SHOWN_MOST = 300
_RETRY_AFTER_MOST_S = 86_400.0
#: The receiver objects to these rows, not to us. 409: it has something else under their keys.
_OF_ROWS = frozenset({400, 409, 413, 422})


def http_check(url: str, *, field: str) -> None:
    """Raise `InvalidInput` for a URL that Roost would never send to."""
    try:
        url_check(url)
    except InvalidInput as error:
        raise InvalidInput(str(error), field=field) from error


def http_send(
    method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None, done: int = 0, known: int = 0
) -> PublicAnswer:
    """Send one request and return an answer of success. Raises `ForwardError`; `done` and `known` go into it."""
    try:
        answer = public_request(
            method, url, body=body, headers={"User-Agent": "Roost", **headers}, answer_most=ANSWER_MOST
        )
    except (PostRefused, PostUnsent, PostBroken) as error:
        raise ForwardError(str(error), done=done, known=known) from error
    status = answer.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return answer
    if status == HTTPStatus.GONE:
        raise ForwardError(_("The receiver answered 410: it wants nothing more."), done=done, known=known, is_gone=True)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise ForwardError(
            _("The receiver answered %(status)d, a redirect. Roost follows none: enter the final URL.")
            % {"status": status},
            done=done,
            known=known,
        )
    words = " ".join(answer.body.decode(errors="replace").split())[:_SHOWN_MOST]
    sentence = _("The receiver answered %(status)d.") % {"status": status}
    raise ForwardError(
        f"{sentence} {words}".strip(),
        done=done,
        known=known,
        is_rows=status in _OF_ROWS,
        retry_after_s=_retry_after(answer),
    )


def json_of(answer: PublicAnswer, *, done: int = 0, known: int = 0) -> Any:
    """The answer's JSON. Raises `ForwardError`."""
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ForwardError(_("The receiver did not answer with JSON."), done=done, known=known) from error


def _retry_after(answer: PublicAnswer) -> float | None:
    told = answer.headers.get("retry-after", "")
    return min(float(told), _RETRY_AFTER_MOST_S) if told.isascii() and told.isdigit() else None
