"""The parent of a station: its gateway, another station of the same organization through which it reaches us.

While the gateway is silent, the stations behind it are silent for the same reason; see `fleet.alerts.grouping.parents`.
"""

from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from fleet.core.audit import audit
from fleet.core.errors import InvalidInput, NotFound
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.stations.models import Station
from fleet.stations.selectors import station_get

#: Maximum stations in a row, each behind the next.
CHAIN_MOST: Final = 4


def parent_find(*, viewer: Viewer, serial: str) -> Station | None:
    """The station with this serial, as a parent; None if the serial is empty. Raises `InvalidInput`."""
    serial = serial.strip()
    if not serial:
        return None
    try:
        return station_get(viewer=viewer, serial=serial)
    except NotFound as error:
        raise InvalidInput(str(error), field="parent") from error


@transaction.atomic
def station_parent_set(*, actor: Viewer, station: Station, parent: Station | None) -> Station:
    """Set the station that is the gateway of this one; None: it has none. Raises `Forbidden` and `InvalidInput`."""
    actor.require(Role.OPERATOR, station=station, to=_("change %(serial)s"))
    # One at a time in an organization: two people who set parents at once could close a circle.
    Organization.objects.select_for_update(no_key=True).get(pk=station.organization_id)
    if parent is not None:
        _check(station, parent)
    before = Station.objects.select_related("parent").get(pk=station.pk).parent
    if before == parent:
        return station
    Station.objects.filter(pk=station.pk).update(parent=parent)
    station.parent = parent
    audit(actor, station, "station.parent", parent=parent.serial if parent else "", was=before.serial if before else "")
    return station


def parents_part(*, station: Station) -> None:
    """Cut a station that leaves its organization off from its gateway and from the stations behind it."""
    Station.objects.filter(pk=station.pk).update(parent=None)
    Station.objects.filter(parent=station).update(parent=None)
    station.parent = None


def _check(station: Station, parent: Station) -> None:
    parent = Station.objects.get(pk=parent.pk)
    words = {"station": station.serial, "parent": parent.serial}
    if parent.pk == station.pk:
        raise _refusal(_("%(station)s cannot be its own gateway.") % words)
    if parent.organization_id != station.organization_id:
        raise _refusal(_("%(parent)s belongs to another organization than %(station)s.") % words)
    if parent.retired_at is not None or parent.deleted_at is not None:
        raise _refusal(_("%(parent)s is retired, so nothing reaches Roost through it.") % words)
    above = _ancestors(parent)
    if station.pk in above:
        raise _refusal(_("%(parent)s is itself behind %(station)s: that would be a loop.") % words)
    if len(above) + 1 + _depth(station) > CHAIN_MOST:
        raise _refusal(
            _("A chain of gateways can have at most %(n)d stations, and this one would have more.") % {"n": CHAIN_MOST}
        )


def _ancestors(station: Station) -> list[int]:
    """The station's own id and those of its parents."""
    found = [station.pk]
    while station.parent_id is not None and len(found) <= CHAIN_MOST:
        station = Station.objects.get(pk=station.parent_id)
        found.append(station.pk)
    return found


def _depth(station: Station) -> int:
    """How many stations are in a row behind this one."""
    depth, level = 0, [station.pk]
    while depth <= CHAIN_MOST and (
        level := list(Station.objects.filter(parent__in=level).values_list("pk", flat=True))
    ):
        depth += 1
    return depth


def _refusal(sentence: str) -> InvalidInput:
    return InvalidInput(sentence, field="parent")
