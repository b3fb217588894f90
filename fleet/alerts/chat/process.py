"""Read an address with Apprise, or send one message to it. Runs as a separate process, which its caller may end.

It reads one JSON object from standard input: `do` (`read` or `send`), `address`, `is_private_allowed`, and for sending
`title`, `text` and `more` (where the rest of a text that is too long can be read). It prints JSON objects, one a line:
`{"is_handed": true}` before a request that may deliver the message, and its answer at the end. It has no access to the
server's settings, secrets or database.

Every request that Apprise makes goes through `fleet.core.sending.public_post`: only to public addresses, following no
redirect, certificates checked whatever Apprise asks, with one deadline.
"""

import io
import json
import logging
import os
import resource
import sys
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import requests
import requests.adapters
from apprise import Apprise, AppriseAsset, NotifyFormat
from apprise.plugins.base import NotifyBase
from django.conf import settings

from fleet.alerts.chat.kinds import KIND_BY_SCHEMA, ChatKind, schema_of

#: Bytes of memory and seconds of CPU time of this process.
MEMORY_MOST, SECONDS_MOST = 1_000_000_000, 20
#: Bytes that are read of an answer, and characters that are passed on of it and of Apprise's complaints.
ANSWER_MOST, WORDS_MOST = 65_536, 300
#: Markup makes a text longer after it was cut, so this share of the service's limit is left free.
_FREE_SHARE: Final = 0.2
_NOT_OURS: Final = frozenset({"accept-encoding", "connection", "content-length", "host"})


class Untold(requests.ConnectionError):
    """A request was not made or not answered; the reason is in `Exchanges`."""


@dataclass(slots=True)
class Exchanges:
    """The outcome of the requests; the last one counts. `ended`: `refused`, `unsent` or `broken`, if no answer came.

    `is_taken`: a request that may deliver the message succeeded.
    """

    kind: ChatKind
    ended: str = ""
    status: int = 0
    words: str = ""
    is_any: bool = False
    is_taken: bool = False
    complaints: list[str] = field(default_factory=list)

    def request(self, asked: requests.PreparedRequest) -> requests.Response:
        """Make one request, unless an earlier one ended without an answer."""
        from fleet.core.sending import public_post  # noqa: PLC0415 - after the settings

        if self.ended:
            raise Untold(self.words)
        url, method = asked.url or "", (asked.method or "GET").upper()
        if url.partition("?")[0].endswith(self.kind.forbidden):
            raise self._end("refused", "The room does not exist there, or the access token is not valid.")
        body = asked.body.encode() if isinstance(asked.body, str) else asked.body
        if not (body is None or isinstance(body, bytes)):
            raise self._end("refused", "Roost sends no files.")
        self.is_any = True
        delivers = method in self.kind.delivering
        if delivers:
            _print_line({"is_handed": True})
        try:
            answer = public_post.public_request(
                method,
                url.partition("#")[0],
                headers={name: _plain(value) for name, value in asked.headers.items() if name.lower() not in _NOT_OURS},
                body=body,
                answer_most=ANSWER_MOST,
            )
        except public_post.PostRefused as error:
            raise self._end("refused", str(error)) from error
        except public_post.PostUnsent as error:
            raise self._end("unsent", str(error)) from error
        except public_post.PostBroken as error:
            raise self._end("broken" if delivers else "unsent", str(error)) from error
        self.is_taken |= delivers and HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES
        self.status, self.words = answer.status, _one_line(answer.body.decode(errors="replace"))
        # Without a Location header nobody follows a redirect; the status still shows it.
        headers = {name: value for name, value in answer.headers.items() if name.lower() != "location"}
        return _response(asked, answer.status, headers, answer.body)

    def _end(self, how: str, words: str) -> Untold:
        self.ended, self.words = how, words
        return Untold(words)


#: The stream for answers only; everything else that is printed goes to standard error.
_answers: Final = sys.stdout


def main() -> None:
    """Do what standard input asks for, and print the answer."""
    sys.stdout = sys.stderr
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MOST, MEMORY_MOST))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_MOST, SECONDS_MOST))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    asked = json.loads(sys.stdin.buffer.read())
    settings.configure(USE_I18N=False, ROOST_WEBHOOK_PRIVATE_ADDRESSES=asked["is_private_allowed"])
    exchanges = Exchanges(KIND_BY_SCHEMA[schema_of(asked["address"])])
    _listen(exchanges.complaints)
    _guard(exchanges)
    service = service_of(asked["address"])
    if service is None:
        _print_line({"outcome": "unread", "words": _complaint(exchanges.complaints)})
    elif asked["do"] == "read":
        _print_line(_described(service))
    else:
        _print_line(_sent(service, asked, exchanges))
    # Skip what Apprise's objects would still do at exit, such as logging out.
    os._exit(0)


def service_of(address: str) -> NotifyBase | None:
    """Apprise's object for an address; None if it does not understand it."""
    added = KIND_BY_SCHEMA[schema_of(address)].added
    service = Apprise.instantiate(f"{address}{'&' if '?' in address else '?'}{added}", asset=_asset())
    return service if isinstance(service, NotifyBase) else None


def _described(service: NotifyBase) -> dict[str, Any]:
    return {
        "outcome": "read",
        "host": str(getattr(service, "host", "") or ""),
        "port": int(getattr(service, "port", 0) or 0),
        "mode": str(getattr(service, "mode", "") or ""),
        "user": bool(getattr(service, "user", None)),
        "targets": len(service),
    }


def _sent(service: NotifyBase, asked: dict[str, Any], exchanges: Exchanges) -> dict[str, Any]:
    apprise = Apprise(asset=service.asset)
    apprise.add(service)
    title = asked["title"]
    room = int(service.body_maxlen * (1 - _FREE_SHARE)) - (0 if service.title_maxlen else len(title) + 2)
    text = text_cut(asked["text"], room=room, more=asked["more"])
    result = apprise.notify(body=text, title=title, body_format=NotifyFormat.TEXT)
    if result and not exchanges.ended:
        return {"outcome": "sent"}
    if exchanges.ended:
        # A request that may deliver the message succeeded before a later one failed.
        return {"outcome": "broken" if exchanges.is_taken else exchanges.ended, "words": exchanges.words}
    if exchanges.is_any:
        answered = {"status": exchanges.status, "words": exchanges.words, "is_taken": exchanges.is_taken}
        return {"outcome": "answered", **answered}
    return {"outcome": "unread", "words": _complaint(exchanges.complaints)}


def text_cut(text: str, *, room: int, more: str) -> str:
    """The text, or as many whole lines as fit, followed by where the rest is."""
    if len(text) <= room:
        return text
    kept = text[: max(0, room - len(more) - 3)]
    whole = kept.rpartition("\n")[0]
    return f"{whole or kept}\n…\n{more}"


def _guard(exchanges: Exchanges) -> None:
    def send(_self: Any, asked: requests.PreparedRequest, *_args: Any, **_options: Any) -> requests.Response:
        return exchanges.request(asked)

    # Every session of `requests` sends through this, also those that Apprise makes for one request each.
    requests.adapters.HTTPAdapter.send = send  # type: ignore[assignment]


def _response(asked: requests.PreparedRequest, status: int, headers: dict[str, str], body: bytes) -> requests.Response:
    made = requests.Response()
    made.status_code, made.url, made.request = status, asked.url or "", asked
    made.headers = requests.structures.CaseInsensitiveDict(headers)
    made.encoding = requests.utils.get_encoding_from_headers(made.headers)
    made.raw = io.BytesIO(body)
    made.reason = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    return made


def _asset() -> AppriseAsset:
    return AppriseAsset(
        app_id="Roost",
        app_desc="Roost",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        async_mode=False,
        http_redirects=False,
        allow_templates=False,
        storage_mode="memory",
        # The caller limits the time; Apprise's own limit would need a thread.
        service_timeout=0,
    )


class _Listener(logging.Handler):
    def __init__(self, complaints: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._complaints = complaints

    def emit(self, record: logging.LogRecord) -> None:
        self._complaints.append(_one_line(record.getMessage()))


def _listen(complaints: list[str]) -> None:
    log = logging.getLogger("apprise")
    log.propagate = False
    log.setLevel(logging.WARNING)
    log.addHandler(_Listener(complaints))


def _complaint(complaints: list[str]) -> str:
    """The first complaint; later ones only say that the address cannot be loaded."""
    return complaints[0] if complaints else ""


def _plain(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _one_line(text: str) -> str:
    return " ".join(text.split())[:WORDS_MOST]


def _print_line(thing: dict[str, Any]) -> None:
    print(json.dumps(thing), file=_answers, flush=True)


if __name__ == "__main__":
    main()
