"""Calls of the process that speaks to chat services: reading an address, and sending a message within a time limit."""

import json
import logging
import re
import subprocess
import sys
import threading
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from django.conf import settings
from django.utils.translation import gettext as _

from fleet.alerts.chat.kinds import KIND_BY_SCHEMA, KINDS, ChatKind, schema_of
from fleet.core.errors import InvalidInput, TooMany
from fleet.core.sending.public_post import URL_MOST, url_check

#: Seconds a message may take before its process is ended: starting it, and Apprise's requests of up to 20 s each.
SEND_S: Final = 45.0
#: Seconds to wait while another address is being read, and seconds that reading one may take.
WAIT_S, READ_S = 10.0, 30.0
#: Shorter parts of an address, such as `v1` or `api`, are not secrets.
_SECRET_LEAST: Final = 4
_SEPARATORS: Final = re.compile(r"[/?&=@:#]+")
_ROOT: Final = Path(__file__).resolve().parents[3]
_LATER: Final = frozenset({HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.LOCKED})
#: The receiver or a gateway in front of it timed out, so the message may have arrived. 524 is Cloudflare's.
_TIMED_OUT: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GATEWAY_TIMEOUT, 524})

_one = threading.Lock()
_log = logging.getLogger(__name__)


class ChatFailure(Exception):
    """A message was not sent, or it is unknown whether it was; see `fleet.alerts.channels.base.ChannelError`."""

    def __init__(
        self, sentence: str, *, is_permanent: bool = False, is_maybe_delivered: bool = False, is_gone: bool = False
    ) -> None:
        super().__init__(sentence)
        self.is_permanent, self.is_maybe_delivered, self.is_gone = is_permanent, is_maybe_delivered, is_gone


@dataclass(frozen=True, slots=True)
class ReadAddress:
    """Contents of an address. `host` is empty if a token stands in its place; `targets`: the number of receivers."""

    schema: str
    host: str
    port: int
    mode: str
    has_user: bool
    targets: int


def address_check(address: str) -> None:
    """Raise `InvalidInput` for an address of an unknown kind, or with a parameter that is not allowed."""
    kind = KIND_BY_SCHEMA.get(schema_of(address))
    if kind is None:
        known = ", ".join(f"{each.schemas[0]}:// ({each.name})" for each in KINDS)
        raise _invalid(_("Roost does not know this kind of address. It knows: %(known)s.") % {"known": known})
    if len(address) > URL_MOST:
        raise _invalid(_("The address is too long: at most %(n)d characters.") % {"n": URL_MOST})
    if address.split() != [address] or not address.isprintable():
        raise _invalid(_("An address has no spaces: copy it once more."))
    for name, _value in parse_qsl(address.partition("?")[2], keep_blank_values=True):
        if name.strip().lower() not in kind.parameters:
            shown = name.strip()[:40]
            raise _invalid(_("Leave “%(name)s” out of the address: Roost does not use it.") % {"name": shown})


def address_read(address: str) -> ReadAddress:
    """Read an address that was checked. Raises `InvalidInput` with a sentence on what is wrong, and `TooMany`."""
    if not _one.acquire(timeout=WAIT_S):
        raise TooMany(_("The server is still checking other addresses: try again in a minute."))
    try:
        answer = _answer_of(_run({"do": "read", "address": address}, limit_s=READ_S))
    finally:
        _one.release()
    schema = schema_of(address)
    kind = KIND_BY_SCHEMA[schema]
    if answer["outcome"] not in {"read", "unread"}:
        raise TooMany(_("The server could not check this address: try again in a minute."))
    if answer["outcome"] == "unread":
        words = redacted(str(answer.get("words", "")), address).rstrip(".")
        told = _("This is not a complete address of %(name)s: %(words)s. Compare it with Apprise's description.")
        raise _invalid(told % {"name": kind.name, "words": words or "…"})
    read = ReadAddress(
        schema=schema,
        host=answer["host"] if _shows_host(kind, answer["mode"]) else "",
        port=answer["port"],
        mode=answer["mode"],
        has_user=answer["user"],
        targets=answer["targets"],
    )
    _check_read(read, kind)
    return read


def _check_read(read: ReadAddress, kind: ChatKind) -> None:
    if read.targets != 1:
        raise _invalid(_("This address names several receivers: add one destination for each."))
    is_login = kind.name == "Matrix" and read.has_user
    if is_login or (kind.modes and read.mode not in kind.modes):
        raise _invalid(
            _("Roost does not log in there. Enter a token: matrixs://token@server/!room, rockets://token/token@server.")
        )
    if read.host:
        url_check(f"https://{_netloc(read)}/")


def address_label(read: ReadAddress) -> str:
    """The address without what works as a password."""
    return f"{read.schema}://{_netloc(read)}/…" if read.host else f"{read.schema}://…"


def message_hand_over(*, address: str, title: str, text: str) -> None:
    """Send one message to one address. Raises `ChatFailure`; its sentence has no part of the address's secrets."""
    asked = {
        "do": "send",
        "address": address,
        "title": title,
        "text": text,
        "more": f"{settings.SITE_URL}/incidents/",
    }
    answer = _answer_of(_run(asked, limit_s=SEND_S))
    if answer["outcome"] != "sent":
        raise _error_of(answer, address)


def _error_of(answer: dict[str, Any], address: str) -> ChatFailure:
    words, outcome = redacted(str(answer.get("words", "")), address), answer["outcome"]
    if outcome == "answered":
        return _status_error(int(answer["status"]), words, is_taken=bool(answer["is_taken"]))
    if outcome == "unread":
        return ChatFailure(f"Apprise did not send it: {words or 'it gave no reason.'}", is_permanent=True)
    return ChatFailure(
        words or "It was not sent: no reason is known.",
        is_permanent=outcome == "refused",
        is_maybe_delivered=outcome == "broken",
    )


def _status_error(status: int, words: str, *, is_taken: bool) -> ChatFailure:
    said = f"The receiver answered {status}" + (f": {words}" if words else ".")
    if is_taken or status in _TIMED_OUT:
        return ChatFailure(said, is_maybe_delivered=True)
    if status == HTTPStatus.GONE:
        return ChatFailure(f"{said} It wants no more messages.", is_gone=True)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return ChatFailure(
            f"The receiver answered {status}, a redirect. Roost follows none: enter the final address.",
            is_permanent=True,
        )
    is_permanent = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _LATER
    return ChatFailure(said, is_permanent=is_permanent)


def redacted(text: str, address: str) -> str:
    """The text without any part of the address that may be a secret, as written or as decoded."""
    rest = address.partition("://")[2]
    parts = {part for form in (rest, unquote(rest)) for part in [form, *_SEPARATORS.split(form)]}
    secrets = {part for part in parts - _host_parts(address) if len(part) >= _SECRET_LEAST}
    # The longest first: a shorter one may be a part of it.
    for secret in sorted(secrets, key=len, reverse=True):
        text = re.sub(re.escape(secret), "…", text, flags=re.IGNORECASE)
    return text


def _host_parts(address: str) -> set[str]:
    """The server's name, with and without port, which a sentence may show; empty where it is a secret."""
    kind = KIND_BY_SCHEMA.get(schema_of(address))
    authority, _found, path = address.partition("://")[2].partition("/")
    host = authority.rpartition("@")[2].partition("?")[0]
    if kind is None or not kind.shows_host or not path:
        return set()
    return {host, host.partition(":")[0]}


def _shows_host(kind: ChatKind, mode: str) -> bool:
    # At ntfy's own server the topic stands in place of the host.
    return kind.shows_host and mode != "cloud"


def _netloc(read: ReadAddress) -> str:
    host = f"[{read.host}]" if ":" in read.host and not read.host.startswith("[") else read.host
    return f"{host}:{read.port}" if read.port else host


def _invalid(sentence: str) -> InvalidInput:
    return InvalidInput(sentence, field="address")


def _run(asked: dict[str, Any], *, limit_s: float) -> bytes:
    """Output of the process, which is killed after `limit_s` seconds."""
    asked = {**asked, "is_private_allowed": settings.ROOST_WEBHOOK_PRIVATE_ADDRESSES}
    command = [sys.executable, "-P", "-m", "fleet.alerts.chat.process"]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(asked).encode(),
            stdout=subprocess.PIPE,
            # It might contain secrets.
            stderr=subprocess.DEVNULL,
            env={"PYTHONPATH": str(_ROOT)},
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        _log.warning("A process that speaks to %s:// was ended after %.0f s", schema_of(asked["address"]), limit_s)
        return late.stdout or b""
    if done.returncode:
        _log.warning("A process that speaks to %s:// ended with %d", schema_of(asked["address"]), done.returncode)
    return done.stdout


def _answer_of(printed: bytes) -> dict[str, Any]:
    """The last complete line, if it is an answer; else `broken` (the message may have gone out) or `unsent`."""
    lines = [json.loads(line) for line in printed.splitlines(keepends=True) if line.endswith(b"\n")]
    if lines and "outcome" in lines[-1]:
        answer: dict[str, Any] = lines[-1]
        return answer
    if lines:
        return {"outcome": "broken", "words": "Sending ended without an answer of the receiver."}
    return {"outcome": "unsent", "words": "Sending did not begin."}
