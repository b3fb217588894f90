"""A deployment as text to copy into Motus' own pages: programs cannot create or change deployments there."""

from dataclasses import dataclass
from urllib.parse import urljoin

from django.conf import settings
from django.utils.translation import gettext as _

from fleet.deployments.models import Antenna, Deployment
from fleet.deployments.selectors import deployment_current
from fleet.stations.models import Station
from fleet.sync.models import MotusDeployment
from fleet.sync.motus.comparison import figure_text, place_of
from fleet.sync.motus.differences import motus_deployment_of


@dataclass(frozen=True, slots=True)
class Handover:
    """A station's deployments here and at Motus, the text to copy (empty without one here), and where to paste it."""

    ours: Deployment | None
    antennas: list[Antenna]
    theirs: MotusDeployment | None
    text: str
    address: str


def handover_of(station: Station) -> Handover:
    """The handover of a station now. It checks no rights."""
    ours, theirs = deployment_current(station=station), motus_deployment_of(station)
    antennas = list(Antenna.objects.filter(deployment=ours).order_by("port")) if ours else []
    return Handover(ours, antennas, theirs, _text(station, ours, antennas) if ours else "", _address(theirs))


def _address(theirs: MotusDeployment | None) -> str:
    """Motus' page of the deployment; without a deployment, the page where people start."""
    if theirs is not None and settings.ROOST_MOTUS_PAGE.startswith(("https://", "http://")):
        return settings.ROOST_MOTUS_PAGE.replace("{id}", str(theirs.number))
    return urljoin(settings.ROOST_MOTUS_URL, "/data/")


def _text(station: Station, ours: Deployment, antennas: list[Antenna]) -> str:
    place = place_of(ours)
    began = ours.period.lower
    lines = [
        (_("Receiver"), station.serial),
        (_("Site name"), ours.site.name),
        (_("Start (UTC)"), f"{began:%Y-%m-%d %H:%M}" if began else ""),
        (_("Latitude"), f"{place[0]:.6f}" if place else ""),
        (_("Longitude"), f"{place[1]:.6f}" if place else ""),
        (_("Elevation (m)"), figure_text(ours.site.elevation_m)),
    ]
    text = [f"{name}: {value}" for name, value in lines if value]
    for each in antennas:
        parts = [
            (_("type"), each.type),
            (_("bearing"), figure_text(each.bearing_deg)),
            (_("height (m)"), figure_text(each.height_m)),
            (_("frequency (MHz)"), figure_text(each.frequency_mhz)),
            (_("cable"), each.cable),
            (_("polarization"), each.polarization),
        ]
        told = ", ".join(f"{name} {value}" for name, value in parts if value)
        text.append(_("Antenna on port %(port)d") % {"port": each.port} + (f": {told}" if told else ""))
    return "\n".join(text)
