"""Finding files that Motus does not have yet: one upload per station and day, checked before anybody sends it."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fleet.core import clock
from fleet.files.store.away import StoreAway
from fleet.stations.models import Station
from fleet.sync.models import MotusAccount, MotusDeployment, MotusUpload
from fleet.sync.motus.archive import FILES_MOST, OCTETS_MOST, day_checked, day_of
from fleet.sync.motus.deployments import projects_of
from fleet.sync.motus.source import FILES_MOST as LOOKED_MOST
from fleet.sync.motus.source import FileSource, SourceFile, source_current
from fleet.sync.records import serial_matched

State = MotusUpload.State
#: New uploads of one station per search; the oldest days first, the next search goes on.
DAYS_MOST = 60


@dataclass
class _Counts:
    files: int = 0
    uploads: int = 0
    known: int = 0
    unnamed: int = 0
    young: int = 0
    unreadable: int = 0
    beyond: int = 0


def uploads_find(*, account: MotusAccount) -> None:
    """Look through the files of the organization's stations, and keep what was found as a sentence."""
    source, counts = source_current(), _Counts()
    with translation.override(account.organization.language):
        stations = Station.objects.filter(organization=account.organization_id, deleted_at=None)
        stopped = ""
        try:
            for serial in stations.order_by("serial").values_list("serial", flat=True):
                _station_find(account, source, serial, counts)
        except StoreAway as error:
            stopped = _("The search stopped, and the next one goes on: %(reason)s") % {"reason": error}
        sentence = _counted(counts) if counts.files else _("No files of your stations are here: upload them first.")
        sentence = stopped or sentence
    MotusAccount.objects.filter(pk=account.pk).update(files_answer=sentence, files_found_at=clock.now())


def _station_find(account: MotusAccount, source: FileSource, serial: str, counts: _Counts) -> None:
    """Group the new files by day; today is left for tomorrow, because its files still grow."""
    moment = clock.now()
    own = MotusUpload.objects.filter(account=account, serial=serial)
    held = set(own.filter(state=State.HELD).values_list("day", flat=True))
    covered = {
        # A file that could not be used may come again whole, with the same size: it is known by its mark as well.
        (each["name"], each["size"], each.get("mark") if each["refusal"] else None)
        for files in own.exclude(state=State.HELD).values_list("files", flat=True)
        for each in files
    }
    days: dict[date, list[SourceFile]] = defaultdict(list)
    fresh = 0
    for file in source.files(serial):
        counts.files += 1
        day = day_of(file.name)
        if not file.is_readable:
            counts.unreadable += 1
        elif day is None:
            counts.unnamed += 1
        elif covered & {(file.name, file.size, None), (file.name, file.size, file.mark)}:
            counts.known += 1
        elif day >= moment.date():
            counts.young += 1
        elif fresh >= LOOKED_MOST:
            counts.beyond += 1
        else:
            days[day].append(file)
            fresh += 1
    # Days that are held are looked at again, but never before new ones.
    ordered = sorted(days, key=lambda day: (day in held, day))
    chosen = ordered[:DAYS_MOST]
    counts.beyond += sum(len(days[day]) for day in ordered[DAYS_MOST:])
    deployments = list(MotusDeployment.objects.filter(account=account, match_name=serial_matched(serial)))
    for day in chosen:
        upload = _upload(account, serial, day, days[day], deployments, moment)
        with transaction.atomic():
            own.filter(day=day, state=State.HELD).delete()
            upload.save()
        counts.uploads += 1


def _upload(
    account: MotusAccount,
    serial: str,
    day: date,
    files: list[SourceFile],
    deployments: list[MotusDeployment],
    moment: datetime,
) -> MotusUpload:
    checked, warnings = day_checked(serial, files)
    usable = [one.file for one in checked if not one.refusal]
    octets = sum(file.size for file in usable)
    active = [one for one in deployments if _is_active(one, day)]
    projects = projects_of(account)
    project = next((one.project_id for one in active), projects[0] if projects else None)
    held = ""
    if not usable:
        held = _("None of its files can be used.")
    elif len(usable) > FILES_MOST or octets > OCTETS_MOST:
        held = _("It is too large for one archive: %(n)d files. Send it to Motus by hand.") % {"n": len(usable)}
    elif not active:
        held = _("Motus has no deployment of this receiver on that day: enter it there first.")
    return MotusUpload(
        account=account,
        serial=serial,
        day=day,
        project_id=project,
        files=[
            {
                "name": one.file.name,
                "size": one.file.size,
                "mark": one.file.mark,
                "refusal": one.refusal,
                "said": "",
            }
            for one in checked
        ],
        state=State.HELD if held else State.FOUND,
        sentence=held,
        warnings=" ".join(warnings),
        octets=octets,
        found_at=moment,
    )


def _is_active(deployment: MotusDeployment, day: date) -> bool:
    began, ended = deployment.starts_at, deployment.ends_at
    return (
        began is not None
        and began.date() <= day
        and (ended is None or ended.date() >= day)
        and deployment.status != "pending"
    )


def _counted(counts: _Counts) -> str:
    told = [
        ngettext("%(n)d day with new files found.", "%(n)d days with new files found.", counts.uploads)
        % {"n": counts.uploads}
    ]
    if counts.known:
        told.append(_("Files found before: %(n)d.") % {"n": counts.known})
    if counts.young:
        told.append(_("Files of today or later, which wait until their day is over: %(n)d.") % {"n": counts.young})
    if counts.unnamed:
        told.append(
            _("Files without receiver and time in their names, which Motus would ignore: %(n)d.")
            % {"n": counts.unnamed}
        )
    if counts.unreadable:
        told.append(
            _("Links, folders without access, and files that are damaged on the server, left out: %(n)d.")
            % {"n": counts.unreadable}
        )
    if counts.beyond:
        told.append(_("Files for the next search: %(n)d.") % {"n": counts.beyond})
    return " ".join(told)
