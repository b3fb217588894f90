"""Login rotation for a running station: the old login works until the new one is in use, or for a day.

command `rotate_login` ─▶ the agent makes a secret and sends its hash ─▶ the hash becomes an enrolment token ─▶ the
agent enrols with the secret ─▶ both logins work ─▶ the new one is seen on the broker ─▶ the old one ends

No secret is stored on the way: the command has no parameters, the hash opens nothing, and the password is sent once
over HTTPS to the holder of the secret.
"""

import logging
import re
from datetime import datetime, timedelta

from django.db import transaction

from fleet.core.audit import audit
from fleet.core.errors import Unavailable
from fleet.stations.logins.broker import BrokerAccess
from fleet.stations.logins.enrolment import tokens_end
from fleet.stations.models import Credential, EnrolmentToken, LoginPurpose, Station

#: The command, and the field of its result that holds the hash.
COMMAND, HASH = "rotate_login", "secret_hash"
ACCEPT_JOB = "stations.accept_rotation"
#: How long a station, which may be asleep, has to fetch its new login.
FETCH_WITHIN = timedelta(days=7)
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")

_log = logging.getLogger(__name__)


@transaction.atomic
def rotation_accept(*, station_id: int, secret_hash: object, moment: datetime) -> bool:
    """Let a running station fetch a new login with the secret behind this hash; False if invalid, used or retired."""
    if not isinstance(secret_hash, str) or not _SHA256.match(secret_hash):
        return False
    tokens_end(station_id, LoginPurpose.STATION)
    station = Station.objects.select_for_update().get(pk=station_id)
    if station.retired_at is not None or EnrolmentToken.objects.filter(token_hash=secret_hash).exists():
        return False
    EnrolmentToken.objects.create(
        station=station,
        token_hash=secret_hash,
        created_at=moment,
        expires_at=moment + FETCH_WITHIN,
        is_rotation=True,
    )
    audit(None, station, "station.rotate")
    return True


def rotations_end(*, moment: datetime) -> int:
    """End old logins whose time is over or whose successor is in use; return how many."""
    ended = 0
    ending = Credential.objects.filter(revoked_at=None).exclude(ends_at=None).select_related("station").order_by("pk")
    for credential in ending:
        try:
            with BrokerAccess.open() as broker:
                is_over = credential.ends_at is not None and credential.ends_at <= moment
                if is_over or _is_succeeded(credential, broker):
                    broker.user_delete(credential.username)
                    ended += _end(credential, moment)
        except Unavailable as error:
            _log.warning("The old login %s could not be ended; Roost will try again: %s", credential.username, error)
    return ended


def _is_succeeded(credential: Credential, broker: BrokerAccess) -> bool:
    newer = Credential.objects.filter(
        station=credential.station_id,
        purpose=credential.purpose,
        revoked_at=None,
        ends_at=None,
        generation__gt=credential.generation,
    )
    return any(broker.is_connected(username) for username in newer.values_list("username", flat=True))


@transaction.atomic
def _end(credential: Credential, moment: datetime) -> int:
    ended = Credential.objects.filter(pk=credential.pk, revoked_at=None).update(revoked_at=moment)
    if ended:
        audit(None, credential.station, "station.rotated", ended=credential.username)
    return ended
