"""Differences between deployments here and at Motus: stored as rows, decided by people, reported in sentences."""

import re
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, Min, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import Conflict, NotFound
from fleet.deployments.antennas import AntennaSaid, antennas_set
from fleet.deployments.models import Antenna, Deployment
from fleet.deployments.selectors import deployment_current
from fleet.deployments.services import deployment_update
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.stations.models import Station
from fleet.sync.models import MotusAccount, MotusDeployment, MotusDifference
from fleet.sync.motus.comparison import Difference, compared, deployment_now
from fleet.sync.records import serial_matched
from fleet.telemetry.models import DetectionCount

Kind = MotusDifference.Kind
#: Motus should know a station that heard something within this time.
HEARD_WITHIN = timedelta(days=7)
#: Kinds of differences that can be taken over from Motus; the others need a decision about a site or a port.
TAKEABLE = frozenset({Kind.PLACE, Kind.FREQUENCY, Kind.BEARING, Kind.HEIGHT})
_ANTENNA_FIELDS = {Kind.FREQUENCY: "frequency_mhz", Kind.BEARING: "bearing_deg", Kind.HEIGHT: "height_m"}


def differences_of(organization: Organization) -> QuerySet[MotusDifference]:
    """All differences of the organization's stations, the undecided first."""
    return (
        MotusDifference.objects.filter(station__organization=organization)
        .select_related("station__organization")
        .order_by(F("kept_at").asc(nulls_first=True), "station__serial", "kind", "port")
    )


def difference_get(*, viewer: Viewer, organization: Organization, difference_id: int) -> MotusDifference:
    """One difference, for an operator. Raises `Forbidden` and `NotFound`."""
    viewer.require(Role.OPERATOR, organization=organization, to=_("decide about deployments at Motus"))
    found = differences_of(organization).filter(pk=difference_id).first()
    if found is None:
        raise NotFound(_("This difference no longer exists."))
    return found


def difference_keep(*, actor: Viewer, difference: MotusDifference, is_kept: bool = True) -> None:
    """Decide that ours is right, or take that back."""
    actor.require(Role.OPERATOR, station=difference.station, to=_("decide about %(serial)s"))
    difference.kept_at = clock.now() if is_kept else None
    difference.kept_by_name = actor.name[:150] if is_kept else ""
    with transaction.atomic():
        difference.save(update_fields=["kept_at", "kept_by_name"])
        audit(
            actor, difference.station, "motus.keep" if is_kept else "motus.reopen", point=difference_words(difference)
        )


@transaction.atomic
def difference_take(*, actor: Viewer, difference: MotusDifference) -> None:
    """Change our deployment to what Motus has. Raises `Forbidden`, `Conflict`, `InvalidInput`."""
    station, kind = difference.station, Kind(difference.kind)
    actor.require(Role.OPERATOR, station=station, to=_("decide about %(serial)s"))
    ours, theirs = deployment_current(station=station), motus_deployment_of(station)
    if kind not in TAKEABLE or ours is None or theirs is None:
        raise Conflict(_("Roost cannot copy this from Motus: change the deployment by hand."))
    if kind == Kind.PLACE:
        deployment_update(deployment=ours, actor=actor, latitude=theirs.latitude, longitude=theirs.longitude)
    else:
        field = _ANTENNA_FIELDS[kind]
        value = next((each[field] for each in theirs.antennas if each["port"] == difference.port), None)
        said = [
            {name: getattr(each, name) for name in AntennaSaid._fields}
            | ({field: value} if each.port == difference.port else {})
            for each in Antenna.objects.filter(deployment=ours).order_by("port")
        ]
        antennas_set(deployment=ours, actor=actor, antennas=[AntennaSaid(**each) for each in said])
    difference.delete()


def motus_deployment_of(station: Station) -> MotusDeployment | None:
    """The deployment at Motus that holds now for a station, in its organization's projects."""
    rows = MotusDeployment.objects.filter(
        account__organization=station.organization_id, match_name=serial_matched(station.serial)
    )
    return deployment_now(rows, clock.now())


def differences_renew(*, account: MotusAccount, moment: datetime) -> None:
    """Compare all stations of the organization again, within the caller's transaction.

    A decision stays while both values are unchanged. The stations are locked against a move to another organization.
    """
    stations = {
        station.pk: station
        for station in Station.objects.select_for_update(no_key=True)
        .filter(organization=account.organization_id, deleted_at=None)
        .order_by("id")
    }
    wanted = _compared(account, {pk: one for pk, one in stations.items() if one.retired_at is None}, moment)
    known = {(one.station_id, one.kind, one.port): one for one in MotusDifference.objects.filter(station__in=stations)}
    new, changed = [], []
    for key, point in wanted.items():
        row = known.pop(key, None)
        if row is None:
            new.append(
                MotusDifference(
                    station_id=key[0],
                    kind=point.kind,
                    port=point.port,
                    ours=point.ours,
                    theirs=point.theirs,
                    found_at=moment,
                )
            )
        elif (row.ours, row.theirs) != (point.ours, point.theirs):
            row.ours, row.theirs, row.found_at, row.kept_at, row.kept_by_name = (
                point.ours,
                point.theirs,
                moment,
                None,
                "",
            )
            changed.append(row)
    MotusDifference.objects.filter(pk__in=[row.pk for row in known.values()]).delete()
    MotusDifference.objects.bulk_create(new, batch_size=1_000)
    MotusDifference.objects.bulk_update(
        changed, ["ours", "theirs", "found_at", "kept_at", "kept_by_name"], batch_size=1_000
    )


def _compared(
    account: MotusAccount, stations: dict[int, Station], moment: datetime
) -> dict[tuple[int, str, int | None], Difference]:
    theirs: dict[str, list[MotusDeployment]] = defaultdict(list)
    for row in MotusDeployment.objects.filter(account=account):
        theirs[row.match_name].append(row)
    ours = {
        one.station_id: one
        for one in Deployment.objects.filter(station__in=stations, period__contains=moment).select_related("site")
    }
    antennas: dict[int, list[Antenna]] = defaultdict(list)
    for antenna in Antenna.objects.filter(deployment__in=[one.pk for one in ours.values()]).order_by("port"):
        antennas[antenna.deployment_id].append(antenna)
    heard: dict[int, set[int]] = defaultdict(set)
    counted = DetectionCount.objects.filter(
        station__in=stations, hour__gte=moment - HEARD_WITHIN, hour__lte=moment + timedelta(days=1), count__gt=0
    )
    for station_id, port in counted.values_list("station_id", "port").distinct():
        heard[station_id].add(port)
    found: dict[tuple[int, str, int | None], Difference] = {}
    for pk, station in stations.items():
        deployment = ours.get(pk)
        there = deployment_now(theirs[serial_matched(station.serial)], moment)
        own = antennas[deployment.pk] if deployment else []
        for point in compared(deployment, own, there, heard[pk]):
            found[pk, point.kind, point.port] = point
    return found


_SENTENCES: Final[dict[tuple[Kind, bool], Promise]] = {
    (Kind.UNKNOWN_THERE, False): gettext_lazy("It sends detections, but Motus has no deployment of it."),
    (Kind.UNKNOWN_HERE, True): gettext_lazy("Motus has it at %(theirs)s, but it has no deployment here."),
    (Kind.PLACE, True): gettext_lazy("Its place is %(ours)s here and %(theirs)s at Motus."),
    (Kind.PORT, False): gettext_lazy("Port %(port)s (%(ours)s) is in use, but Motus has no antenna on it."),
    (Kind.PORT, True): gettext_lazy("Motus has an antenna (%(theirs)s) on port %(port)s, which is not in use here."),
    (Kind.FREQUENCY, True): gettext_lazy("Port %(port)s listens on %(ours)s MHz here and %(theirs)s MHz at Motus."),
    (Kind.BEARING, True): gettext_lazy("Port %(port)s points to %(ours)s° here and %(theirs)s° at Motus."),
    (Kind.HEIGHT, True): gettext_lazy(
        "The antenna of port %(port)s is %(ours)s m high here and %(theirs)s m at Motus."
    ),
}


def difference_words(difference: MotusDifference) -> str:
    """The difference as a sentence, in the active language."""
    kind = Kind(difference.kind)
    # An empty `theirs` means that Motus has no such antenna or deployment, or a deployment without a name.
    is_there = kind not in (Kind.PORT, Kind.UNKNOWN_THERE) or bool(difference.theirs)
    theirs = difference.theirs or _("an unnamed place")
    told = {"port": difference.port, "ours": _with_minus(difference.ours), "theirs": _with_minus(theirs)}
    return str(_SENTENCES[kind, is_there]) % told


def _with_minus(text: str) -> str:
    """Figures with a true minus sign; names such as `FG-1` keep their hyphen."""
    return re.sub(r"(?<![^\s,])-(?=\d)", "\u2212", text)


def stations_differing(kinds: frozenset[Kind]) -> dict[int, datetime]:
    """Stations in service with an undecided difference of these kinds, and since when; only with a login in use."""
    rows = (
        MotusDifference.objects.filter(kind__in=kinds, kept_at=None, station__retired_at=None, station__deleted_at=None)
        .exclude(station__organization__motus_account=None)
        .exclude(station__organization__motus_account__login="")
        .values_list("station_id")
        .annotate(since=Min("found_at"))
    )
    return dict(rows)


def differing_words(station: Station, kinds: frozenset[Kind]) -> str:
    """The undecided differences of one station as sentences; empty if there are none."""
    rows = MotusDifference.objects.filter(station=station, kind__in=kinds, kept_at=None).order_by("kind", "port")
    return " ".join(difference_words(row) for row in rows)
