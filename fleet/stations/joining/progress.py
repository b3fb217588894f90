"""How far a station has come in joining: login fetched, first message heard."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.exceptions import ObjectDoesNotExist

from fleet.core import clock
from fleet.stations.models import EnrolmentToken, LoginPurpose, Station

#: Somebody should check a station that has its login and is not heard within this time.
_SOON = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class JoiningProgress:
    """The steps taken since the newest enrolment token was made; `expires_at` while the token can still be used."""

    expires_at: datetime | None
    fetched_at: datetime | None
    heard_at: datetime | None
    #: It has its login and should have been heard by now.
    is_overdue: bool


def joining_progress(*, station: Station) -> JoiningProgress:
    """The progress of a station whose contact is joined; one query."""
    moment = clock.now()
    tokens = EnrolmentToken.objects.filter(station=station, purpose=LoginPurpose.STATION, is_rotation=False)
    token = tokens.order_by("-pk").first()
    is_open = token is not None and token.used_at is None and token.expires_at > moment
    fetched_at = token.used_at if token is not None else None
    heard_at = _heard_at(station)
    # An older contact is from the device that had the station's login before, not from the one expected now.
    if is_open or (fetched_at is not None and heard_at is not None and heard_at < fetched_at):
        heard_at = None
    return JoiningProgress(
        expires_at=token.expires_at if token is not None and is_open else None,
        fetched_at=fetched_at,
        heard_at=heard_at,
        is_overdue=heard_at is None and fetched_at is not None and fetched_at + _SOON < moment,
    )


def _heard_at(station: Station) -> datetime | None:
    try:
        found: datetime | None = station.contact.last_contact_at
    except ObjectDoesNotExist:
        return None
    return found
