"""Queries for outside systems: how they list our stations, in sentences, what changed there, and how checks went."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from fleet.core import clock
from fleet.core.spoken import day_words, moment_words
from fleet.organizations.access import Viewer
from fleet.stations.models import Station
from fleet.sync.adapters import adapters
from fleet.sync.adapters.base import Adapter, Listing
from fleet.sync.links import records_ranked
from fleet.sync.models import ExternalChange, ExternalLink, ExternalRecord, SyncRun
from fleet.sync.records import LINK, LISTED, serial_matched


@dataclass(frozen=True, slots=True)
class LinkView:
    """A station as one outside system sees it. `listing` is the current row, `others` the rest, newest first."""

    system: str
    label: str
    is_listed: bool
    sentence: str
    listing: Listing | None
    others: tuple[Listing, ...]
    checked_at: datetime | None


@dataclass(frozen=True, slots=True)
class ChangeView:
    """One change in an outside system, as a sentence. `station` is None if it concerns no station of the viewer."""

    at: datetime
    label: str
    serial: str
    station: Station | None
    sentence: str


@dataclass(frozen=True, slots=True)
class SystemView:
    """One outside system with its last check and its last successful check."""

    system: str
    label: str
    last: SyncRun | None
    succeeded: SyncRun | None


def systems() -> list[SystemView]:
    """All outside systems with the state of their checks."""
    views = []
    for adapter in adapters().values():
        runs_of = SyncRun.objects.filter(system=adapter.name).order_by("-started_at")
        succeeded = runs_of.filter(state=SyncRun.State.SUCCEEDED).first()
        views.append(SystemView(adapter.name, adapter.label, runs_of.first(), succeeded))
    return views


def runs(*, system: str = "", limit: int = 20) -> QuerySet[SyncRun]:
    """The latest checks, newest first."""
    found = SyncRun.objects.order_by("-started_at", "-id")
    return (found.filter(system=system) if system else found)[:limit]


def links_of(*, station: Station) -> list[LinkView]:
    """This station as each outside system lists it, with a sentence; one entry per system, even if unlisted."""
    return [links_of_many(stations=[station], system=adapter.name)[station.pk] for adapter in adapters().values()]


def links_of_many(*, stations: Sequence[Station], system: str) -> dict[int, LinkView]:
    """These stations as one outside system lists them, by station id, in two queries."""
    adapter, moment = adapters()[system], clock.now()
    links = {
        link.station_id: link
        for link in ExternalLink.objects.filter(
            system=system, station__in=[station.pk for station in stations]
        ).select_related("record")
    }
    names = {serial_matched(station.serial) for station in stations} - {""}
    rows: dict[str, list[ExternalRecord]] = defaultdict(list)
    for record in ExternalRecord.objects.filter(match_name__in=names, system=system):
        rows[record.match_name].append(record)
    return {
        station.pk: _link_view(adapter, station, links.get(station.pk), rows[serial_matched(station.serial)], moment)
        for station in stations
    }


def changes(*, viewer: Viewer, system: str = "", limit: int = 100) -> list[ChangeView]:
    """The newest changes: all of them for the server's administrators, otherwise those of the viewer's stations."""
    found = ExternalChange.objects.select_related("record", "station").order_by("-at", "-id")
    if system:
        found = found.filter(record__system=system)
    stations = Station.objects.filter(viewer.organizations("organization__"))
    if not viewer.sees_all:
        own = {serial_matched(serial): pk for pk, serial in stations.values_list("pk", "serial")}
        found = found.filter(Q(station__in=list(own.values())) | Q(station=None, record__match_name__in=list(own)))
    shown = list(found[:limit])
    by_name = _stations_by_name(stations, {change.record.match_name for change in shown})
    return [_change_view(change, by_name) for change in shown]


def _stations_by_name(stations: QuerySet[Station], names: Iterable[str]) -> dict[str, Station]:
    wanted = set(names) - {""}
    # A serial may be written in any case. There are few stations, so they are compared here.
    found = {pk for pk, serial in stations.values_list("pk", "serial") if serial_matched(serial) in wanted}
    return {serial_matched(station.serial): station for station in stations.filter(pk__in=found)}


def _link_view(
    adapter: Adapter, station: Station, link: ExternalLink | None, records: list[ExternalRecord], moment: datetime
) -> LinkView:
    listed = records_ranked(adapter, [record for record in records if record.absent_since is None])
    gone = records_ranked(adapter, [record for record in records if record.absent_since is not None])
    if link is None:
        sentence = _("%(label)s has not been asked about this station yet.") % {"label": adapter.label}
        return LinkView(adapter.name, adapter.label, False, sentence, None, (), None)
    checked = _("checked %(moment)s") % {"moment": moment_words(link.checked_at, moment)}
    if link.record is None or link.record.absent_since is not None:
        sentence = _absent_sentence(adapter, gone, checked, moment)
        others = tuple(adapter.listing(record.data) for record in gone[1:])
        return LinkView(adapter.name, adapter.label, False, sentence, None, others, link.checked_at)
    current = adapter.listing(link.record.data)
    others = tuple(adapter.listing(record.data) for record in listed if record.pk != link.record_id)
    sentence = _listed_sentence(adapter, station, current, len(others), checked)
    return LinkView(adapter.name, adapter.label, True, sentence, current, others, link.checked_at)


def _listed_sentence(adapter: Adapter, station: Station, current: Listing, others: int, checked: str) -> str:
    words = {
        "label": adapter.label,
        "serial": station.serial,
        "status": current.status or _("without a status"),
        "place": current.name or _("an unnamed place"),
        "since": day_words(current.since) if current.since else "",
    }
    if current.since:
        text = _("%(label)s lists %(serial)s as %(status)s at %(place)s, since %(since)s") % words
    else:
        text = _("%(label)s lists %(serial)s as %(status)s at %(place)s, without a start date") % words
    if others:
        text += "; " + ngettext("%(n)d other deployment", "%(n)d other deployments", others) % {"n": others}
    return f"{text} ({checked})."


def _absent_sentence(adapter: Adapter, gone: list[ExternalRecord], checked: str, moment: datetime) -> str:
    words = {"label": adapter.label, "checked": checked}
    if not gone or gone[0].absent_since is None:
        return _("%(label)s does not list this serial (%(checked)s).") % words
    last = adapter.listing(gone[0].data)
    return _(
        "%(label)s has not listed this serial since %(since)s; before that it was %(status)s at %(place)s "
        "(%(checked)s)."
    ) % {
        **words,
        "since": moment_words(gone[0].absent_since, moment),
        "status": last.status or _("without a status"),
        "place": last.name or _("an unnamed place"),
    }


def _change_view(change: ExternalChange, by_name: dict[str, Station]) -> ChangeView:
    adapter = adapters().get(change.record.system)
    label = adapter.label if adapter else change.record.system
    listing = adapter.listing(change.record.data) if adapter else None
    station = change.station or by_name.get(change.record.match_name)
    serial = (listing.serial if listing else change.record.match_name) or _("a row without a serial")
    return ChangeView(change.at, label, serial, station, _change_sentence(change, label, listing))


def _change_sentence(change: ExternalChange, label: str, listing: Listing | None) -> str:
    place = (listing.name if listing else "") or _("an unnamed place")
    if change.field == LISTED:
        if not change.after:
            return _("%(label)s no longer lists it at %(place)s.") % {"label": label, "place": place}
        if change.before is None:
            return _("%(label)s now lists it at %(place)s.") % {"label": label, "place": place}
        return _("%(label)s lists it at %(place)s again.") % {"label": label, "place": place}
    if change.field == LINK:
        if change.after is None:
            return _("%(label)s no longer lists the station.") % {"label": label}
        return _("The station's current deployment is now the one at %(place)s.") % {"place": place}
    return _("%(field)s changed from %(before)s to %(after)s (at %(place)s).") % {
        "field": change.field,
        "before": _value_words(change.before),
        "after": _value_words(change.after),
        "place": place,
    }


def _value_words(value: object) -> str:
    return pgettext("a value", "empty") if value is None or value == "" else str(value)[:80]
