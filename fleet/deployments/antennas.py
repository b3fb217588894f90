"""The antennas of a deployment: their ports and directions, and copying them when a station moves."""

from collections.abc import Sequence
from typing import NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from fleet.core.audit import audit
from fleet.core.errors import InvalidInput
from fleet.deployments.models import Antenna, Deployment
from fleet.organizations.access import Role, Viewer
from fleet.organizations.services import text_check

_PORT_MOST, _TYPE_MOST, _CABLE_MOST, ANTENNAS_MOST = 99, 60, 60, 40
_HEIGHT_MOST_M, _FREQUENCY_MOST_MHZ = 500.0, 10_000.0
#: Beam drawn for a directed antenna if nobody entered its width: that of a Yagi with five elements.
BEAM_USUAL_DEG = 60.0


class AntennaSaid(NamedTuple):
    """One antenna: degrees from true north (0 up to 360), metres above ground, megahertz; cable type and length.

    `beam_width_deg`: up to 360, which means all around. `polarization`: one of `Antenna.Polarization`, or empty.
    """

    port: int
    type: str = ""
    bearing_deg: float | None = None
    height_m: float | None = None
    frequency_mhz: float | None = None
    cable: str = ""
    beam_width_deg: float | None = None
    polarization: str = ""


@transaction.atomic
def antennas_set(*, deployment: Deployment, actor: Viewer, antennas: Sequence[AntennaSaid]) -> list[Antenna]:
    """Give a deployment exactly these antennas. Raises `InvalidInput` naming the field, such as `antennas.2.port`."""
    actor.require(Role.OPERATOR, organization=deployment.station.organization_id, to=_("change antennas"))
    if len(antennas) > ANTENNAS_MOST:
        raise InvalidInput(
            _("A station can have at most %(most)d antennas.") % {"most": ANTENNAS_MOST}, field="antennas"
        )
    checked = [_check(number, said) for number, said in enumerate(antennas)]
    ports = [said.port for said in checked]
    for number, port in enumerate(ports):
        if port in ports[:number]:
            raise InvalidInput(
                _("Port %(port)d appears twice, but each port has one antenna.") % {"port": port},
                field=f"antennas.{number}.port",
            )
    Antenna.objects.filter(deployment=deployment).delete()
    made = Antenna.objects.bulk_create([Antenna(deployment=deployment, **said._asdict()) for said in checked])
    audit(actor, deployment, "deployment.antennas", antennas=len(made))
    return made


def antennas_copy(*, of: Deployment | None, to: Deployment) -> None:
    """Copy the antennas of another deployment, if there is one."""
    if of is None:
        return
    antennas = Antenna.objects.filter(deployment=of).order_by("port")
    fields = AntennaSaid._fields
    Antenna.objects.bulk_create(
        [Antenna(deployment=to, **{field: getattr(each, field) for field in fields}) for each in antennas]
    )


def _check(number: int, said: AntennaSaid) -> AntennaSaid:
    where = f"antennas.{number}"
    if not 0 <= said.port <= _PORT_MOST:
        raise InvalidInput(_("A port must be from 0 to %(most)d.") % {"most": _PORT_MOST}, field=f"{where}.port")
    if said.bearing_deg is not None and not 0 <= said.bearing_deg < 360:
        raise InvalidInput(_("A bearing must be from 0 to less than 360 degrees."), field=f"{where}.bearing_deg")
    if said.height_m is not None and not 0 <= said.height_m <= _HEIGHT_MOST_M:
        raise InvalidInput(
            _("A height must be from 0 to %(most)d metres.") % {"most": _HEIGHT_MOST_M}, field=f"{where}.height_m"
        )
    if said.frequency_mhz is not None and not 0 < said.frequency_mhz <= _FREQUENCY_MOST_MHZ:
        raise InvalidInput(
            _("A frequency must be above 0 and at most %(most)d MHz.") % {"most": _FREQUENCY_MOST_MHZ},
            field=f"{where}.frequency_mhz",
        )
    if said.beam_width_deg is not None and not 0 < said.beam_width_deg <= 360:
        raise InvalidInput(_("A beam width must be above 0 and at most 360 degrees."), field=f"{where}.beam_width_deg")
    if said.polarization and said.polarization not in Antenna.Polarization.values:
        raise InvalidInput(
            _("There is no such polarization: use %(choices)s.") % {"choices": ", ".join(Antenna.Polarization.values)},
            field=f"{where}.polarization",
        )
    return said._replace(
        type=text_check(said.type, field=f"{where}.type", most=_TYPE_MOST, may_be_empty=True),
        cable=text_check(said.cable, field=f"{where}.cable", most=_CABLE_MOST, may_be_empty=True),
    )
