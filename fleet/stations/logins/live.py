"""Warnings before making a new token for a station: using it ends the login of the device in the field."""

import logging
from datetime import datetime

from django.utils.translation import gettext as _

from fleet.core.errors import Unavailable
from fleet.core.spoken import duration_words
from fleet.stations.logins.broker import BrokerAccess
from fleet.stations.models import Credential, LoginPurpose, Station, StationContact

_log = logging.getLogger(__name__)


def login_at_stake(*, station: Station, moment: datetime) -> str:
    """A warning for the person making a token for the station itself; empty if no login would end.

    Asks the broker whether the station is connected; if it does not answer, the last contact counts.
    """
    logins = Credential.objects.filter(station=station, purpose=LoginPurpose.STATION, revoked_at=None)
    usernames = list(logins.values_list("username", flat=True))
    if not usernames:
        return ""
    if _is_connected(usernames):
        return _(
            "%(serial)s is connected now. Using the new token ends its current login: the device in the field "
            "then cannot send until somebody enrols it there."
        ) % {"serial": station.serial}
    heard_at = StationContact.objects.filter(station=station).values_list("last_contact_at", flat=True).first()
    if heard_at is None:
        return _("%(serial)s has a login but has never made contact. Using the new token ends that login.") % {
            "serial": station.serial
        }
    return _(
        "The last contact of %(serial)s was %(ago)s ago. Using the new token ends its current login: the "
        "device in the field then cannot send until somebody enrols it there."
    ) % {"serial": station.serial, "ago": duration_words(max((moment - heard_at).total_seconds(), 0.0))}


def _is_connected(usernames: list[str]) -> bool:
    try:
        with BrokerAccess.open() as broker:
            return any(broker.is_connected(username) for username in usernames)
    except Unavailable as error:
        _log.warning("The broker could not say whether %s is connected: %s", ", ".join(usernames), error)
        return False
