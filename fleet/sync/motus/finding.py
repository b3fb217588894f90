"""Finding files that Motus does not have yet: one upload per station and day, checked before anybody sends it."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fleet.core import clock
from fleet.files.store.away import StoreAway
from fleet.stations.models import Station
from fleet.sync.models import MotusAccount, MotusDeployment, MotusUpload
from fleet.sync.motus.archive import FILES_MOST, OCTETS_MOST, DayChecked, bare_name, day_checked, day_of
from fleet.sync.motus.by_itself import by_itself_serials
from fleet.sync.motus.deployments import projects_of
from fleet.sync.motus.known import Entry, KnownFiles, copy_entry, entries_of
from fleet.sync.motus.source import FILES_MOST as LOOKED_MOST
from fleet.sync.motus.source import FileSource, SourceFile, source_current
from fleet.sync.records import serial_matched

State, HeldFor = MotusUpload.State, MotusUpload.HeldFor
#: Maximum uploads of one station per search, oldest days first; the next search goes on.
DAYS_MOST = 60


@dataclass
class _Counts:
    files: int = 0
    uploads: int = 0
    known: int = 0
    copies: int = 0
    unnamed: int = 0
    young: int = 0
    unreadable: int = 0
    left: int = 0
    beyond: int = 0


def uploads_find(*, account: MotusAccount) -> None:
    """Look for new files of the organization's stations, and store the outcome as a sentence."""
    source, counts = source_current(), _Counts()
    with translation.override(account.organization.language):
        stations = Station.objects.filter(organization=account.organization_id, deleted_at=None)
        alone = by_itself_serials(account)
        stopped = ""
        try:
            for serial in stations.order_by("serial").values_list("serial", flat=True):
                if serial in alone:
                    _left_alone(source, serial, counts)
                else:
                    _station_find(account, source, serial, counts)
        except StoreAway as error:
            stopped = _("The search stopped, and the next one will continue it: %(reason)s") % {"reason": error}
        sentence = _counted(counts) if counts.files else _("No files of your stations are here: upload them first.")
        sentence = stopped or sentence
    MotusAccount.objects.filter(pk=account.pk).update(files_answer=sentence, files_found_at=clock.now())


def _left_alone(source: FileSource, serial: str, counts: _Counts) -> None:
    """Count the files of a station that sends them by itself, without reading them."""
    number = sum(1 for _file in islice(source.files(serial), LOOKED_MOST))
    counts.files += number
    counts.left += number


def _station_find(account: MotusAccount, source: FileSource, serial: str, counts: _Counts) -> None:
    """Make uploads of a station's new files by day. Today's files wait until tomorrow, because they still grow."""
    moment = clock.now()
    own = MotusUpload.objects.filter(account=account, serial=serial)
    held = set(own.filter(state=State.HELD).values_list("day", flat=True))
    known = KnownFiles.of(own)
    days: dict[date, list[SourceFile]] = defaultdict(list)
    fresh = 0
    for file in source.files(serial):
        counts.files += 1
        day = day_of(file.name)
        if not file.is_readable:
            counts.unreadable += 1
        elif day is None:
            counts.unnamed += 1
        elif known.has(file):
            counts.known += 1
        elif day >= moment.date():
            counts.young += 1
        elif fresh >= LOOKED_MOST:
            counts.beyond += 1
        else:
            days[day].append(file)
            fresh += 1
    # Check held days again, but only after new ones.
    ordered = sorted(days, key=lambda day: (day in held, day))
    chosen = ordered[:DAYS_MOST]
    counts.beyond += sum(len(days[day]) for day in ordered[DAYS_MOST:])
    deployments = list(MotusDeployment.objects.filter(account=account, match_name=serial_matched(serial)))
    for day in chosen:
        checked = day_checked(serial, days[day], known.longest)
        counts.copies += len(checked.copies)
        upload = _upload(account, serial, day, checked, known, deployments, moment)
        with transaction.atomic():
            own.filter(day=day, state=State.HELD).delete()
            elsewhere = _copies_add(upload.files, checked, known)
            for upload_id, entries in elsewhere.items():
                _append(upload_id, entries)
            if checked.files:
                upload.save()
        counts.uploads += bool(checked.files)


def _copies_add(files: list[Entry], checked: DayChecked, known: KnownFiles) -> dict[int, list[Entry]]:
    """Add copies to the files of this upload, so that the next search knows them; return those of earlier uploads."""
    here = {bare_name(one.file.name): one.plain for one in checked.files if not one.refusal}
    elsewhere: dict[int, list[Entry]] = defaultdict(list)
    for one in checked.copies:
        bare = bare_name(one.file.name)
        if bare in here:
            files.append(copy_entry(one, here[bare]))
        else:
            elsewhere[known.upload_of[bare]].append(copy_entry(one, known.longest[bare]))
    return elsewhere


def _append(upload_id: int, entries: list[Entry]) -> None:
    upload = MotusUpload.objects.select_for_update().get(pk=upload_id)
    upload.files += entries
    upload.save(update_fields=["files"])


def _upload(
    account: MotusAccount,
    serial: str,
    day: date,
    checked: DayChecked,
    known: KnownFiles,
    deployments: list[MotusDeployment],
    moment: datetime,
) -> MotusUpload:
    usable = checked.usable
    octets = sum(file.size for file in usable)
    active = [one for one in deployments if _is_active(one, day)]
    projects = projects_of(account)
    project = next((one.project_id for one in active), projects[0] if projects else None)
    held, why = "", ""
    if not usable:
        held, why = _("None of its files can be used."), HeldFor.FILES
    elif len(usable) > FILES_MOST or octets > OCTETS_MOST:
        held = _("It is too large for one archive: %(n)d files. Send it to Motus by hand.") % {"n": len(usable)}
        why = HeldFor.SIZE
    elif not active:
        held = _("Motus has no deployment of this receiver on that day: enter it there first.")
        why = HeldFor.DEPLOYMENT
    return MotusUpload(
        account=account,
        serial=serial,
        day=day,
        project_id=project,
        files=entries_of(checked.files),
        state=State.HELD if held else State.FOUND,
        held_for=why,
        sentence=held,
        warnings=" ".join([*checked.warnings, *known.boot_warnings(checked.files, day)]),
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
    if counts.copies:
        told.append(_("Copies no longer than the files sent, so not sent: %(n)d.") % {"n": counts.copies})
    if counts.young:
        told.append(_("Files of today or later, which wait until their day is over: %(n)d.") % {"n": counts.young})
    if counts.left:
        told.append(_("Files of stations that send them to Motus by themselves: %(n)d.") % {"n": counts.left})
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
        told.append(_("Files left for the next search: %(n)d.") % {"n": counts.beyond})
    return " ".join(told)
