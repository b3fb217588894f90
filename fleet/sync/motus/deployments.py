"""Reading the deployments of an organization's projects from Motus, and storing them whole."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fleet.core import clock
from fleet.sync.adapters.base import Row, SyncError
from fleet.sync.adapters.clients.motus import LoginRefused
from fleet.sync.adapters.clients.motus_fields import float_in, moment_in, text_in, unreadable_in, whole_in
from fleet.sync.models import MotusAccount, MotusDeployment
from fleet.sync.motus.accounts import PROJECTS_MOST, client_of, project_rows, reading_failed
from fleet.sync.motus.differences import differences_renew
from fleet.sync.records import serial_matched

#: Maximum deployments of one project; Motus' largest has a few hundred.
_DEPLOYMENTS_MOST = 5_000
_ANTENNAS_MOST = 40
_FIGURES = ("latitude", "longitude", "tsStart", "tsEnd")
_ANTENNA_FIGURES = ("bearing", "heightMeters", "frequency", "freqMHz", "nomFreq")


@dataclass
class _Left:
    """Counts of what a reading leaves out of Motus' answers: rows, deployments named twice, antennas, and figures."""

    rows: int = 0
    repeats: int = 0
    antennas: int = 0
    figures: int = 0

    def sentences(self) -> str:
        """A sentence for each count above zero, with a blank before it."""
        told = (
            (self.rows, _("Rows without a number or serial, skipped: %(n)d.")),
            (self.repeats, _("Rows that repeat a number: %(n)d; the last one counts.")),
            (
                self.antennas,
                _("Antennas left out, because they have no port, share one, or come after the fortieth: %(n)d."),
            ),
            (self.figures, _("Figures and times that cannot be read: %(n)d; they are missing.")),
        )
        return "".join(f" {words % {'n': count}}" for count, words in told if count)


def projects_of(account: MotusAccount) -> list[int]:
    """Numbers of the organization's projects: the chosen ones that the login has, else all of the login's."""
    known = [int(number) for number in account.projects if number.isascii() and number.isdigit()]
    chosen = [number for number in account.project_ids if number in known] if account.project_ids else known
    return chosen[:PROJECTS_MOST]


def deployments_read(*, account: MotusAccount) -> None:
    """Fetch and store the deployments, compare them with ours, and keep the outcome as a sentence.

    If Motus sends nothing usable, the stored deployments stay as they are.
    """
    moment = clock.now()
    with translation.override(account.organization.language):
        try:
            rows, left = _fetched(account)
        except SyncError as error:
            MotusAccount.objects.filter(pk=account.pk).update(
                read_tried_at=moment,
                read_answer=reading_failed(error),
                is_refused=account.is_refused or isinstance(error, LoginRefused),
            )
            return
        answer = ngettext("%(n)d deployment read.", "%(n)d deployments read.", len(rows)) % {"n": len(rows)}
        answer += left.sentences()
    with transaction.atomic():
        MotusDeployment.objects.filter(account=account).delete()
        MotusDeployment.objects.bulk_create(rows, batch_size=1_000)
        MotusAccount.objects.filter(pk=account.pk).update(read_tried_at=moment, read_at=moment, read_answer=answer)
        differences_renew(account=account, moment=moment)


def _fetched(account: MotusAccount) -> tuple[list[MotusDeployment], _Left]:
    found: dict[int, MotusDeployment] = {}
    left = _Left()
    projects = projects_of(account)
    if not projects:
        raise SyncError(_("The login has no project to read from."))
    with client_of(account) as client:
        for project in projects:
            rows = project_rows(client, "receiver/sensordeployments", project=project)
            if len(rows) > _DEPLOYMENTS_MOST:
                raise SyncError(
                    _("Project %(project)d has %(n)d deployments, more than Roost reads.")
                    % {"project": project, "n": len(rows)}
                )
            for row in rows:
                deployment = _deployment(account, project, row, left)
                if deployment is None:
                    left.rows += 1
                else:
                    left.repeats += deployment.number in found
                    found[deployment.number] = deployment
    if not found and MotusDeployment.objects.filter(account=account).exists():
        raise SyncError(_("Motus listed no deployments, though it had some before, so nothing was changed."))
    return list(found.values()), left


def _deployment(account: MotusAccount, project: int, row: Row, left: _Left) -> MotusDeployment | None:
    number, serial = whole_in(row, "deployID", "deployId"), text_in(row, "serno")
    if number is None or not serial:
        return None
    told = row.get("antennas")
    rows = told if isinstance(told, list) else []
    antennas = _antennas(rows)
    left.antennas += len(rows) - len(antennas) if isinstance(told, list) else told not in (None, "")
    left.figures += unreadable_in(row, *_FIGURES)
    left.figures += sum(unreadable_in(each, *_ANTENNA_FIGURES) for each in rows if isinstance(each, dict))
    return MotusDeployment(
        account=account,
        number=number,
        project_id=project,
        serial=serial,
        match_name=serial_matched(serial),
        name=text_in(row, "name"),
        status=text_in(row, "status", 40).casefold(),
        latitude=float_in(row, "latitude"),
        longitude=float_in(row, "longitude"),
        starts_at=moment_in(row, "tsStart"),
        ends_at=moment_in(row, "tsEnd"),
        antennas=antennas,
    )


def _antennas(rows: Iterable[object]) -> list[dict[str, object]]:
    """Antennas that have a port, one per port. The port is a number in older answers, a text in newer ones."""
    found: dict[int, dict[str, object]] = {}
    for row in rows:
        port = whole_in(row, "port") if isinstance(row, dict) else None
        if isinstance(row, dict) and port is not None and len(found) < _ANTENNAS_MOST:
            found[port] = {
                "port": port,
                "type": text_in(row, "antennaType", 60),
                "bearing_deg": float_in(row, "bearing"),
                "height_m": float_in(row, "heightMeters"),
                "frequency_mhz": float_in(row, "frequency", "freqMHz", "nomFreq"),
            }
    return list(found.values())
