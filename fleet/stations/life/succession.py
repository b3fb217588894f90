"""A serial that goes from one station to the next: the older keeps its rows under an archived name, the newer goes on."""

from datetime import datetime

from django.db import transaction
from django.db.models import F, Max

from fleet.core import clock
from fleet.organizations.models import Organization
from fleet.stations.logins.enrolment import tokens_end
from fleet.stations.models import Credential, Station, StationContact

#: Between a serial and the number of one that bore it before. No name on the broker has it.
ARCHIVE_MARK = "~"
#: What the successor takes over of the contact: how it keeps time, not how it was.
_CONTACT = (
    *("state", "first_contact_at", "last_contact_at", "announced_interval_s", "learned_interval_s"),
    *("late_after", "silent_after", "backlog_messages", "backlog_bytes", "hello", "hello_received_at", "address"),
    *("clock_offset_s", "quota_messages", "quota_bytes", "quota_reports", "quota_excess", "quota_at", "flooding_since"),
    *("data_counter", "data_sent", "data_received"),
)


@transaction.atomic
def station_archive_name(*, station: Station) -> str:
    """Set a station's serial free; its own is `<serial>~<n>` from now on. The caller has locked its row."""
    base = station.serial.partition(ARCHIVE_MARK)[0]
    taken = Station.objects.filter(serial__istartswith=base + ARCHIVE_MARK).values_list("serial", flat=True)
    numbers = [int(last) for name in taken if (last := name.rpartition(ARCHIVE_MARK)[2]).isdecimal()]
    station.serial = f"{base}{ARCHIVE_MARK}{max(numbers, default=0) + 1}"
    Station.objects.filter(pk=station.pk).update(serial=station.serial)
    # Whoever remembers the serial as this station's finds out when it locks the contact.
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
    """A new station bears the serial; what was made before `since` goes on belonging to the older one, now retired.

    `since` None: the moment at which ingest was held up, so that what it took before is older. `serial`: when it is written another way now. `keeps_login`: the device goes on with the login that it has.
    """
    # In the order of an enrolment and of ingest: tokens, station, contact.
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
        generation=generation_last(serial),
        suspended_at=station.suspended_at if keeps_login else None,
        suspended_reason=station.suspended_reason if keeps_login else "",
        registered_at=moment,
        predecessor=station,
        moved_at=since or clock.now(),
    )
    known = {name: getattr(contact, name) for name in _CONTACT} if contact is not None and keeps_login else {}
    StationContact.objects.create(station=successor, **known)
    if keeps_login:
        Credential.objects.filter(station=station, revoked_at=None).update(station=successor)
    return successor


def generation_last(serial: str) -> int:
    """The newest generation of logins that any station of this serial had: the next one is new to the broker."""
    bearers = Station.objects.filter(serial__istartswith=serial + ARCHIVE_MARK)
    return bearers.aggregate(newest=Max("generation"))["newest"] or 0
