"""Changing many stations at once: each as if alone, with its own check, its own audit entry and its own outcome."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from fleet.core.errors import DomainError, InvalidInput
from fleet.organizations.access import Viewer
from fleet.stations.models import Station, StationGroup
from fleet.stations.services import station_change
from fleet.stations.sorting.groups import group_member_set
from fleet.stations.sorting.tags import station_tag_add, station_tag_remove, tags_check

#: Maximum stations changed at once: a person waits for it, and it takes about a thousand short transactions.
MANY_MOST = 500


@dataclass(frozen=True, slots=True)
class OutcomeOfOne:
    """The result for one station. `is_done`: it is as requested. `sentence`: why it is not, or that it already was."""

    station: Station
    is_done: bool
    sentence: str = ""


def many_tag(*, actor: Viewer, stations: Sequence[Station], name: str, is_added: bool) -> list[OutcomeOfOne]:
    """Add a tag to each station, or remove it. Raises `InvalidInput` if it cannot be a tag at all."""
    names = tags_check([name])
    if not is_added:
        return _each(
            stations,
            lambda station: station_tag_remove(actor=actor, station=station, name=names[0]),
            _("It did not have this tag."),
        )
    return _each(
        stations,
        lambda station: station_tag_add(actor=actor, station=station, name=names[0]),
        _("It already had this tag."),
    )


def many_group(
    *, actor: Viewer, stations: Sequence[Station], group: StationGroup, is_added: bool
) -> list[OutcomeOfOne]:
    """Add each station to a group by hand, or remove it."""
    before = set(group.members.filter(pk__in=[station.pk for station in stations]).values_list("pk", flat=True))

    def change(station: Station) -> bool:
        is_changed = (station.pk in before) != is_added
        if is_changed:
            group_member_set(actor=actor, group=group, station=station, is_member=is_added)
        return is_changed

    was = _("It was already in this group.") if is_added else _("It had not been added to this group by hand.")
    return _each(stations, change, was)


def many_maintenance(
    *, actor: Viewer, stations: Sequence[Station], is_on: bool, until: datetime | None
) -> list[OutcomeOfOne]:
    """Begin maintenance of each station, until a moment or until somebody ends it; or end their maintenance."""

    def change(station: Station) -> bool:
        is_changed = (station.is_in_maintenance, station.maintenance_until) != (is_on, until)
        if is_changed:
            station_change(station=station, actor=actor, is_in_maintenance=is_on, maintenance_until=until)
        return is_changed

    return _each(stations, change, _("It was already like this."))


def _each(stations: Sequence[Station], change: Callable[[Station], bool], was_so: str) -> list[OutcomeOfOne]:
    """Change each station in its own transaction; `change` says whether anything changed."""
    if len(stations) > MANY_MOST:
        raise InvalidInput(_("At most %(most)d stations can be changed at once: choose fewer.") % {"most": MANY_MOST})
    outcomes = []
    for station in stations:
        try:
            is_changed = change(station)
        except DomainError as error:
            outcomes.append(OutcomeOfOne(station, is_done=False, sentence=str(error)))
        else:
            outcomes.append(OutcomeOfOne(station, is_done=True, sentence="" if is_changed else was_so))
    return outcomes
