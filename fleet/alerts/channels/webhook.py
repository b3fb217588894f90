"""Webhook: a signed POST of JSON to a URL, for programs."""

import hashlib
import hmac
import json
from http import HTTPStatus
from typing import Any

from fleet.alerts.channels.base import Channel, ChannelError, IncidentReport, Message
from fleet.core.sending.public_post import PostBroken, PostRefused, PostUnsent, public_post, url_check, url_shown

SIGNATURE_HEADER = "Roost-Signature"
#: With the usual waits between attempts, these take about three hours.
ATTEMPTS_MOST = 15
_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


def send(message: Message) -> None:
    """Post one message; any 2xx status means that the receiver has it. Raises `ChannelError`."""
    body = json.dumps(body_of(message), ensure_ascii=False).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Roost",
        "Idempotency-Key": _plain_id(message.message_id),
        SIGNATURE_HEADER: signature_of(body, message.secret),
    }
    try:
        status = public_post(message.recipient, body=body, headers=headers)
    except PostRefused as error:
        raise ChannelError(str(error), is_permanent=True) from error
    except PostUnsent as error:
        raise ChannelError(str(error)) from error
    except PostBroken as error:
        raise ChannelError(str(error), is_maybe_delivered=True) from error
    _check_status(status)


def signature_of(body: bytes, secret: str) -> str:
    """`sha256=` and the hexadecimal HMAC-SHA256 of the body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def body_of(message: Message) -> dict[str, Any]:
    """The JSON object; docs/reference/webhook.md describes it."""
    return {
        "id": _plain_id(message.message_id),
        "event": message.event,
        "organization": message.organization,
        "rule": message.rule,
        "subject": message.subject,
        "answers": [_plain_id(answered) for answered in message.answers],
        "total": message.total,
        "incidents": [_incident(report) for report in message.reports],
    }


def _incident(report: IncidentReport) -> dict[str, Any]:
    return {
        "id": report.incident_id,
        "station": report.serial,
        "station_name": report.station_name,
        "sentence": report.sentence,
        "is_over": report.is_over,
        "began_at": report.began_at.isoformat(),
        "opened_at": report.opened_at.isoformat(),
        "closed_at": report.closed_at.isoformat() if report.closed_at else None,
        "url": report.url,
        "incident_url": report.incident_url,
        "act_url": report.act_url,
    }


def _check_status(status: int) -> None:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return
    if status == HTTPStatus.GONE:
        raise ChannelError("The receiver answered 410: it wants no more messages.", is_gone=True)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise ChannelError(
            f"The receiver answered {status}, a redirect. Roost follows none: enter the final URL.", is_permanent=True
        )
    is_permanent = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _LATER
    raise ChannelError(f"The receiver answered {status}.", is_permanent=is_permanent)


def _plain_id(message_id: str) -> str:
    return message_id.strip("<>")


CHANNEL = Channel(
    name="webhook",
    send=send,
    check=url_check,
    shown=url_shown,
    has_secret=True,
    is_for_programs=True,
    attempts_most=ATTEMPTS_MOST,
    # Slow receivers must not occupy a worker that mail waits for.
    run_s=20.0,
)
