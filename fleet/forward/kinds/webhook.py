"""Webhook: signed POSTs of JSON as Standard Webhooks describes them.

Specification: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fleet.core import clock
from fleet.core.errors import InvalidInput
from fleet.core.sending.public_post import url_shown
from fleet.forward.kinds.base import (
    ForwardDetection,
    ForwarderKind,
    ForwardRow,
    ForwardTarget,
    Receipt,
    Setting,
)
from fleet.forward.kinds.clients.http import http_check, http_send
from fleet.forward.kinds.clients.told import detection_told, place_and_marks

_PREFIX: Final = "whsec_"
#: Octets of a secret that the specification allows.
_SECRET_LEAST, _SECRET_MOST = 24, 64


def send(rows: Sequence[ForwardRow], target: ForwardTarget) -> Receipt:
    """Post the readings in one message; any 2xx status means that the receiver has them."""
    return _post("readings", rows[-1].received_at, rows, [_row(row) for row in rows], target)


def send_detections(rows: Sequence[ForwardDetection], target: ForwardTarget) -> Receipt:
    """Post the detections in one message."""
    return _post("detections", rows[-1].received_at, rows, [_detection(row) for row in rows], target)


def test(target: ForwardTarget) -> None:
    """Post a message of the type `test` without rows."""
    _post("test", clock.now(), (), [], target)


def _post(
    kind: str,
    moment: datetime,
    rows: Sequence[ForwardRow | ForwardDetection],
    told: Sequence[Mapping[str, Any]],
    target: ForwardTarget,
) -> Receipt:
    body = json.dumps(
        {"type": kind, "timestamp": moment.isoformat(), "organization": target.organization, "data": told},
        ensure_ascii=False,
    ).encode()
    now = str(int(clock.now().timestamp()))
    message_id = message_id_of([row.id for row in rows] or [kind, now], target)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": now,
        "webhook-signature": signature_of(target.settings["secret"], message_id, now, body),
    }
    http_send("POST", target.settings["url"], body=body, headers=headers)
    return Receipt()


def message_id_of(ids: Sequence[str], target: ForwardTarget) -> str:
    """An id that is the same for the same rows, so that a receiver can drop a repeat after a lost answer."""
    digest = hashlib.sha256("\n".join([target.name, *ids]).encode()).hexdigest()
    return f"msg_{digest[:32]}"


def signature_of(secret: str, message_id: str, moment: str, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 of id, moment and body."""
    signed = f"{message_id}.{moment}.".encode() + body
    digest = hmac.new(base64.b64decode(secret.removeprefix(_PREFIX)), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _row(row: ForwardRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "station": row.station,
        "series": row.series,
        "value": row.value,
        "unit": row.unit,
        "at": row.at.isoformat(),
        "received_at": row.received_at.isoformat(),
        **place_and_marks(row),
    }


def _detection(row: ForwardDetection) -> dict[str, Any]:
    return {
        "id": row.id,
        "station": row.station,
        **detection_told(row),
        "at": row.at.isoformat(),
        "received_at": row.received_at.isoformat(),
        **place_and_marks(row),
    }


def _check(settings: Mapping[str, str]) -> None:
    http_check(settings["url"], field="url")
    try:
        secret = base64.b64decode(settings["secret"].removeprefix(_PREFIX), validate=True)
    except ValueError:
        secret = b""
    if not _SECRET_LEAST <= len(secret) <= _SECRET_MOST:
        raise InvalidInput(
            _("A secret is whsec_ and 24 to 64 bytes in base64. Leave it empty, and Roost makes one."), field="secret"
        )


def _secret_make() -> str:
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


KIND = ForwarderKind(
    name="webhook",
    label=gettext_lazy("Webhook"),
    settings=(
        Setting("url", gettext_lazy("URL"), gettext_lazy("Roost posts JSON to it, signed as Standard Webhooks says.")),
        Setting(
            "secret",
            gettext_lazy("Secret"),
            gettext_lazy("Leave empty, and Roost makes one."),
            is_secret=True,
            is_required=False,
            make=_secret_make,
        ),
    ),
    send=send,
    send_detections=send_detections,
    test=test,
    check=_check,
    shown=lambda settings: url_shown(settings["url"]),
    repeats=gettext_lazy("A repeated message has the same webhook-id, and a repeated row the same id."),
    # About 18 kB; the specification recommends less than 20 kB.
    rows_most=100,
)
