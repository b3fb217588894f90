"""The first steps of somebody who is new here: an organization, a station, and alerts that reach somebody."""

from dataclasses import dataclass

from fleet.alerts.notifications.recipients import recipients_of
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.stations.models import Station
from fleet.stations.selectors import station_visible

#: Maximum stations and organizations that are named, and organizations whose alerts are looked at.
NAMED_MOST = 5


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """Progress of a viewer with the first steps. `waiting`: stations that were added and have not been heard yet."""

    organizations: list[Organization]
    has_more_organizations: bool
    waiting: list[Station]
    has_more_waiting: bool
    #: Number of addresses that alerts go to, and an organization whose alerts reach nobody.
    reached: int
    unreached: Organization | None
    may_add: bool


def first_steps_of(*, viewer: Viewer) -> FirstSteps | None:
    """The viewer's progress; None once one of their stations has been heard. Lists and queries are bounded."""
    stations = station_visible(viewer).filter(retired_at=None)
    if stations.filter(contact__last_contact_at__isnull=False).exists():
        return None
    found = Organization.objects.filter(viewer.organizations()).order_by("name")
    organizations = list(found[: NAMED_MOST + 1])
    named = organizations[:NAMED_MOST]
    waiting = list(stations.order_by("-pk")[: NAMED_MOST + 1])
    told = recipients_of([one.pk for one in named]) if named else {}
    return FirstSteps(
        organizations=named,
        has_more_organizations=len(organizations) > NAMED_MOST,
        waiting=waiting[:NAMED_MOST],
        has_more_waiting=len(waiting) > NAMED_MOST,
        reached=len({(one.channel, one.address) for many in told.values() for one in many}),
        unreached=next((one for one in named if not told.get(one.pk)), None),
        may_add=viewer.may_somewhere(Role.OPERATOR),
    )
