"""Bands behind the lines of a station's plot: incidents, our own downtime, deployments, nights."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q
from django.utils.translation import gettext as _

from fleet.alerts.rules import rule_known
from fleet.alerts.selectors import incident_list
from fleet.core.pulses import outage_list
from fleet.core.spoken import duration_words
from fleet.core.sun import nights
from fleet.deployments.models import Deployment
from fleet.deployments.places import place_shown
from fleet.deployments.selectors import deployment_list
from fleet.organizations.access import Viewer
from fleet.stations.models import Station
from sg_status.plots.figure import Band

#: Nights are only drawn in periods up to this; longer ones would be grey from end to end.
_NIGHTS_MOST: Final = timedelta(days=8)
#: Maximum bands of one kind in one plot.
_MOST: Final = 100


def bands_of(viewer: Viewer, station: Station, start: datetime, end: datetime, now: datetime) -> list[Band]:
    """The bands of a station between two moments, from back to front."""
    places = list(deployment_list(station=station).filter(period__overlap=(start, end))[:_MOST])
    return [
        *_nights(viewer, places, start, end, now),
        *_incidents(viewer, station, start, end, now),
        *_outages(start, end),
        *_deployments(places, start),
    ]


def _nights(viewer: Viewer, places: list[Deployment], start: datetime, end: datetime, now: datetime) -> Iterator[Band]:
    if not places or end - start > _NIGHTS_MOST:
        return
    place = place_shown(viewer=viewer, deployment=places[0], moment=now)
    if place.latitude is None or place.longitude is None:
        return
    for dusk, dawn in nights(latitude=place.latitude, longitude=place.longitude, start=start, end=end):
        yield Band("night", dusk, dawn, _("night"))


def _incidents(viewer: Viewer, station: Station, start: datetime, end: datetime, now: datetime) -> Iterator[Band]:
    found = incident_list(viewer=viewer, station=station).filter(began_at__lt=end)
    for one in found.filter(Q(closed_at=None) | Q(closed_at__gt=start))[:_MOST]:
        rule = rule_known(one.rule, one.title)
        over = one.closed_at or now
        words = _("%(problem)s for %(duration)s") % {
            "problem": rule.short if rule else one.rule,
            "duration": duration_words((over - one.began_at).total_seconds()),
        }
        yield Band("incident", one.began_at, over, words)


def _outages(start: datetime, end: datetime) -> Iterator[Band]:
    for outage in outage_list(start=start, end=end)[:_MOST]:
        length = (outage.ended_at - outage.started_at).total_seconds()
        words = _("Roost was down for %(duration)s") % {"duration": duration_words(length)}
        yield Band("down", outage.started_at, outage.ended_at, words)


def _deployments(places: list[Deployment], start: datetime) -> Iterator[Band]:
    for one in places:
        begun = one.period.lower
        if begun is not None and begun >= start:
            words = _("deployed at %(site)s") % {"site": one.site.name}
            yield Band("deployment", begun, begun, words)
