"""The question that a data package answers, checked against what its organization has."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from django.db.models.functions import Upper
from django.utils.translation import gettext as _

from fleet.core.errors import InvalidInput, NotFound
from fleet.core.spoken import count_words
from fleet.deployments.models import Deployment, Site
from fleet.exports.columns import COLUMNS
from fleet.organizations.models import Organization
from fleet.stations.models import Station
from fleet.telemetry.models import Series
from fleet.telemetry.selectors import range_check

#: Limits of one package: every month of every station is a query.
STATIONS_MOST: Final = 2_000
SERIES_MOST: Final = 200
SPAN_MOST: Final = timedelta(days=366 * 30)
KINDS: Final = tuple(COLUMNS)
#: Rows have the times of stations' clocks, which may be wrong; a package covers nothing earlier.
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Format(StrEnum):
    """How rows are written."""

    CSV = "csv"
    PARQUET = "parquet"
    NDJSON = "ndjson"


@dataclass(frozen=True, slots=True)
class PackageQuestion:
    """The contents of a package: `start` inclusive, `end` exclusive, by the stations' clocks.

    `deployment_ids`: only rows from these deployments; empty for the whole time. `series`: names of series; empty for
    all. `is_local`: also local time. `is_clean`: without rows marked as doubtful.
    """

    organization: Organization
    station_ids: tuple[int, ...]
    kinds: tuple[str, ...]
    start: datetime
    end: datetime
    format: Format = Format.CSV
    deployment_ids: tuple[int, ...] = ()
    series: tuple[str, ...] = ()
    is_local: bool = False
    is_clean: bool = False
    licence: str = ""
    citation: str = ""


def stations_chosen(
    *, organization: Organization, serials: Collection[str], deployment_ids: Collection[int]
) -> tuple[list[int], list[int]]:
    """Ids of the stations and deployments of a package; without a choice, all stations of the organization.

    Raises `NotFound` for a serial or deployment that the organization does not have, and `InvalidInput`.
    """
    ours = Station.objects.filter(organization=organization, deleted_at=None)
    if serials and deployment_ids:
        raise InvalidInput(_("Choose stations or deployments, not both."), field="deployments")
    if deployment_ids:
        placed = Deployment.objects.filter(pk__in=deployment_ids, station__in=ours, site__organization=organization)
        found = dict(placed.order_by("pk").values_list("pk", "station_id"))
        if missing := sorted(set(deployment_ids) - found.keys()):
            raise NotFound(
                _("%(name)s has no deployment %(number)d.") % {"name": organization.name, "number": missing[0]}
            )
        return sorted(set(found.values())), sorted(found)
    if not serials:
        return _bounded(list(ours.order_by("serial").values_list("pk", flat=True)[: STATIONS_MOST + 1])), []
    wanted = {serial.strip().upper(): serial.strip() for serial in serials}
    found_ones = ours.annotate(upper=Upper("serial")).filter(upper__in=list(wanted))
    known = dict(found_ones.values_list("upper", "pk"))
    if unknown := sorted(wanted.keys() - known.keys()):
        raise NotFound(
            _("%(name)s has no station %(serial)s.") % {"name": organization.name, "serial": wanted[unknown[0]][:80]}
        )
    return _bounded(sorted(known.values())), []


def deployments_at(
    *, organization: Organization, site: str, serials: Collection[str], start: datetime, end: datetime
) -> list[int]:
    """Ids of the deployments at the site of that name within a period, of these stations or of all.

    Raises `InvalidInput` if there is no such site, or if no such station was there.
    """
    if not Site.objects.filter(organization=organization, name=site).exists():
        raise InvalidInput(
            _("%(name)s has no site %(site)s.") % {"name": organization.name, "site": repr(site[:80])}, field="site"
        )
    range_check(start=start, end=end)
    placed = Deployment.objects.filter(
        site__organization=organization,
        site__name=site,
        station__organization=organization,
        station__deleted_at=None,
        period__overlap=(start, end),
    )
    if serials:
        placed = placed.filter(station__serial__in=serials)
    found = list(placed.order_by("pk").values_list("pk", flat=True)[: STATIONS_MOST + 1])
    if not found:
        raise InvalidInput(
            (
                _("No chosen station was at %(site)s in this period.")
                if serials
                else _("No station was at %(site)s in this period.")
            )
            % {"site": site},
            field="site",
        )
    return _bounded(found)


def question_check(question: PackageQuestion) -> None:
    """Raise `InvalidInput` for a question that cannot be answered or is too large."""
    range_check(start=question.start, end=question.end)
    if question.start < EARLIEST or question.end - question.start > SPAN_MOST:
        raise InvalidInput(_("A package covers at most 30 years, from 1970 on."), field="from")
    if not question.station_ids:
        raise InvalidInput(_("%(name)s has no stations.") % {"name": question.organization.name}, field="stations")
    if not question.kinds:
        raise InvalidInput(_("Choose at least one kind of data."), field="kinds")
    if unknown := [kind for kind in question.kinds if kind not in KINDS]:
        raise InvalidInput(
            _("There is no kind %(kind)s: use %(kinds)s.") % {"kind": repr(unknown[0][:40]), "kinds": ", ".join(KINDS)},
            field="kinds",
        )
    _series_check(question.station_ids, question.series)


def _series_check(station_ids: Sequence[int], names: Sequence[str]) -> None:
    if len(names) > SERIES_MOST:
        raise InvalidInput(_("Choose at most %(most)s series.") % {"most": count_words(SERIES_MOST)}, field="series")
    known = Series.objects.filter(station__in=station_ids, name__in=names)
    if unknown := sorted(set(names) - set(known.values_list("name", flat=True).distinct())):
        raise InvalidInput(
            _("None of these stations has a series %(name)s.") % {"name": repr(unknown[0][:80])}, field="series"
        )


def _bounded(station_ids: list[int]) -> list[int]:
    if len(station_ids) > STATIONS_MOST:
        raise InvalidInput(
            _("A package holds at most %(most)s stations: choose some.") % {"most": count_words(STATIONS_MOST)},
            field="stations",
        )
    return station_ids
