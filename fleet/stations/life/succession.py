"""Succession: a serial passes to a new station, and the old one keeps its data under an archived name."""

from datetime import datetime

from django.db import transaction
from django.db.models import F, Max

from fleet.core import clock
from fleet.organizations.models import Organization
from fleet.stations.logins.enrolment import tokens_end
from fleet.stations.models import Credential, Station, StationContact

#: Separates a serial from the number of a station that had it before. Never part of a name on the broker.
ARCHIVE_MARK = "~"
#: Fields of the contact that the successor inherits: its timing, hello, backlog and counters, but not its health.
_CONTACT = (
    *("state", "first_contact_at", "last_contact_at", "announced_interval_s", "learned_interval_s", "rhythm_s"),
    *("late_after", "silent_after", "backlog_messages", "backlog_bytes", "hello", "hello_received_at", "address"),
    *("clock_offset_s", "quota_messages", "quota_bytes", "quota_reports", "quota_excess", "quota_at", "flooding_since"),
    *("data_counter", "data_sent", "data_received"),
)


@transaction.atomic
def station_archive_name(*, station: Station) -> str:
    """Free a station's serial by renaming the station to `<serial>~<n>`. The caller has locked its row."""
    base = station.serial.partition(ARCHIVE_MARK)[0]
    taken = Station.objects.filter(serial__istartswith=base + ARCHIVE_MARK).values_list("serial", flat=True)
    numbers = [int(last) for name in taken if (last := name.rpartition(ARCHIVE_MARK)[2]).isdecimal()]
    station.serial = f"{base}{ARCHIVE_MARK}{max(numbers, default=0) + 1}"
    Station.objects.filter(pk=station.pk).update(serial=station.serial)
    # Ingest workers that still map the serial to this station notice when they lock the contact.
    StationContact.objects.filter(station=station).update(epoch=F("epoch") + 1)
    return station.serial


@transaction.atomic
def station_succeed(
    *,
    station: Station,
    organization: Organization,
    moment: datetime,
    since: datetime | None = None,
    serial: str = "",
    keeps_login: bool = False,
) -> Station:
    """Make a new station with the serial; data from before `since` stays with the old one, which is retired.

    `since` None: the moment when the contact is locked, so that everything ingest stored before is older. `serial`:
    given if it is written differently now. `keeps_login`: the device continues with its current login.
    """
    # Lock in the same order as enrolment and ingest: tokens, station, contact.
    tokens_end(station.pk)
    station = Station.objects.select_for_update(of=("self",), no_key=True).select_related("model").get(pk=station.pk)
    contact = StationContact.objects.select_for_update().filter(station=station).first()
    serial = serial or station.serial
    station_archive_name(station=station)
    Station.objects.filter(pk=station.pk, retired_at=None).update(retired_at=moment)
    is_shared = station.model is not None and station.model.organization_id in (None, organization.pk)
    successor = Station.objects.create(
        organization=organization,
        serial=serial,
        name=station.name if keeps_login else "",
        model=station.model if is_shared else None,
        operator_interval_s=station.operator_interval_s,
        parent_id=station.parent_id if organization.pk == station.organization_id else None,
        generation=generation_last(serial),
        suspended_at=station.suspended_at if keeps_login else None,
        suspended_reason=station.suspended_reason if keeps_login else "",
        registered_at=moment,
        predecessor=station,
        moved_at=since or clock.now(),
    )
    known = {name: getattr(contact, name) for name in _CONTACT} if contact is not None and keeps_login else {}
    StationContact.objects.create(station=successor, **known)
    if organization.pk == station.organization_id:
        # Stations behind this gateway stay behind the serial.
        Station.objects.filter(parent=station).update(parent=successor)
    else:
        Station.objects.filter(parent=station).update(parent=None)
    if keeps_login:
        Credential.objects.filter(station=station, revoked_at=None).update(station=successor)
    return successor


def generation_last(serial: str) -> int:
    """The newest login generation of any archived station with this serial: the next one is then new to the broker."""
    bearers = Station.objects.filter(serial__istartswith=serial + ARCHIVE_MARK)
    return bearers.aggregate(newest=Max("generation"))["newest"] or 0
