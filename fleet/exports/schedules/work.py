"""Working on schedules: each past period becomes a part, which is made as a package, delivered, and later rechecked.

A round takes the parts that are due, does one step of each, and notes when its next step is. A failure is shown at the
part, reported once by mail, and tried again later; Roost never gives up.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.db import OperationalError
from django.utils.translation import gettext as _

from fleet.core.errors import Conflict, DomainError
from fleet.core.locks import session_lock
from fleet.exports.letters import schedule_letter
from fleet.exports.models import DataPackage, PackageSchedule, ScheduledPart
from fleet.exports.schedules.delivery import failure_words, package_deliver
from fleet.exports.schedules.figures import SchedulePeriod
from fleet.exports.schedules.periods import period_end
from fleet.exports.services import package_queue
from fleet.stations.models import Station

_log = logging.getLogger("roost.exports")

#: In one round, maximum parts that a schedule begins, and maximum steps in all.
BEGUN_MOST: Final = 5
STEPS_MOST: Final = 40
#: How long after its end the file of a period is made: at the earliest, and at the latest even if rows still arrive.
GRACE, PATIENCE = timedelta(hours=1), timedelta(hours=6)
#: Rows of a period are checked hourly until ten days after its end, daily for about a year, then never.
_RECENT, RECHECKED = timedelta(days=10), timedelta(days=400)
_SOON, _HOURLY, _DAILY = timedelta(minutes=10), timedelta(hours=1), timedelta(days=1)
#: Maximum packages of one schedule in the queue, which people of the organization need for their own packages.
_ASKED_MOST: Final = 2
State, PackageState = ScheduledPart.State, DataPackage.State


def schedules_work(*, moment: datetime) -> int:
    """Do what is due; return the number of steps. Only one worker at a time does this."""
    with session_lock("roost.exports.schedules") as is_ours:
        if not is_ours:
            return 0
        _parts_begin(moment)
        due = ScheduledPart.objects.filter(next_at__lte=moment, schedule__organization__deleted_at=None)
        parts = list(
            due.select_related("schedule__organization", "schedule__created_by").order_by("next_at", "id")[:STEPS_MOST]
        )
        for part in parts:
            _step(part, moment)
        return len(parts)


def _parts_begin(moment: datetime) -> None:
    """Add a part for each past period, the oldest first."""
    for schedule in PackageSchedule.objects.filter(next_start__lte=moment, organization__deleted_at=None):
        for _number in range(BEGUN_MOST):
            end = period_end(schedule.every, schedule.next_start)
            if end + GRACE > moment:
                break
            ScheduledPart.objects.get_or_create(
                schedule=schedule, start_at=schedule.next_start, defaults={"end_at": end, "next_at": moment}
            )
            schedule.next_start = end
            schedule.save(update_fields=["next_start"])


def _step(part: ScheduledPart, moment: datetime) -> None:
    steps: dict[str, Callable[[ScheduledPart, datetime], None]] = {
        State.WAITING: _ask,
        State.MAKING: _follow,
        State.DONE: _look_again,
    }
    try:
        steps[part.state](part, moment)
    except (DomainError, OSError) as error:
        _fail(part, failure_words(error), moment)
    except OperationalError:
        _log.exception("Part %s of schedule %s", part.pk, part.schedule_id)
        _fail(part, _("The database was too busy."), moment)


def _ask(part: ScheduledPart, moment: datetime) -> None:
    """Queue the package once the period is settled, or after `PATIENCE` even if it is not."""
    schedule, period = part.schedule, _period(part)
    if schedule.station_ids and not period.station_ids:
        # Without any ids, `package_queue` would take all stations.
        raise Conflict(_("None of the chosen stations is left."))
    if moment < part.end_at + PATIENCE and not period.is_settled():
        _save(part, next_at=moment + _SOON)
        return
    if ScheduledPart.objects.filter(schedule=schedule, state=State.MAKING).count() >= _ASKED_MOST:
        _save(part, next_at=moment + _SOON / 10)
        return
    # Take the figures before the package reads its first row: rows that arrive in between then cause one more file, at
    # worst an unneeded one, and are not missed.
    figures = period.figures(schedule.kinds)
    package = package_queue(
        organization=schedule.organization,
        start=part.start_at,
        end=part.end_at,
        serials=(),
        deployment_ids=(),
        kinds=schedule.kinds,
        series=schedule.series,
        wanted=schedule.format,
        is_local=schedule.is_local,
        is_clean=schedule.is_clean,
        # The schedule sends the mails, except for packages that stay on the page.
        asked_by=schedule.created_by if schedule.target == PackageSchedule.Target.PAGE else None,
        asked_by_name=schedule.name,
        station_ids=period.station_ids,
    )
    revision = part.revision + (part.package_number is not None)
    _save(
        part,
        state=State.MAKING,
        package_number=package.pk,
        figures=figures,
        revision=revision,
        next_at=moment + _SOON / 10,
    )


def _follow(part: ScheduledPart, moment: datetime) -> None:
    """Check the state of the package, and deliver it when it is done."""
    package = DataPackage.objects.filter(pk=part.package_number or 0, organization=part.schedule.organization).first()
    if package is None or package.state == PackageState.FAILED:
        reason = package.reason if package else _("Somebody removed its package before it was delivered.")
        # Nothing was delivered, so the next file has the same number.
        part.state, part.package_number = State.WAITING, None
        _fail(part, reason, moment)
    elif package.state in {PackageState.EXPIRED, PackageState.WITHDRAWN}:
        _save(part, state=State.WAITING, next_at=moment)
    elif package.state == PackageState.DONE:
        place = package_deliver(part.schedule, part, package)
        _save(
            part,
            state=State.DONE,
            place=place,
            rows=package.rows,
            bytes=package.bytes,
            sha256=package.sha256,
            done_at=moment,
            failures=0,
            reason="",
            next_at=moment + _HOURLY,
        )
        _recover(part.schedule)
    else:
        _save(part, next_at=moment + _SOON / 10)


def _look_again(part: ScheduledPart, moment: datetime) -> None:
    """Make the part again if its rows have changed since the file was made."""
    period, age = _period(part), moment - part.end_at
    if not period.is_settled():
        _save(part, next_at=moment + _SOON)
    elif period.figures(part.schedule.kinds) != part.figures:
        _save(part, state=State.WAITING, next_at=moment)
    else:
        later = moment + (_HOURLY if age < _RECENT else _DAILY)
        _save(part, next_at=later if age < RECHECKED else None, failures=0, reason="")
        _recover(part.schedule)


def _period(part: ScheduledPart) -> SchedulePeriod:
    schedule = part.schedule
    ours = Station.objects.filter(organization=schedule.organization, deleted_at=None)
    if schedule.station_ids:
        ours = ours.filter(pk__in=schedule.station_ids)
    ids = tuple(ours.order_by("pk").values_list("pk", flat=True))
    return SchedulePeriod(station_ids=ids, series=tuple(schedule.series), start=part.start_at, end=part.end_at)


def _fail(part: ScheduledPart, reason: str, moment: datetime) -> None:
    """Show the reason at the part, report it once by mail, and try again: after 15 minutes, later only once a day."""
    part.failures += 1
    wait = min(timedelta(minutes=15) * 2 ** min(part.failures - 1, 10), _DAILY)
    _save(
        part,
        state=part.state,
        package_number=part.package_number,
        failures=part.failures,
        reason=reason[:500],
        next_at=moment + wait,
    )
    unsaid = PackageSchedule.objects.filter(pk=part.schedule_id, failing_since=None)
    if unsaid.update(failing_since=moment):
        schedule_letter(part.schedule, reason)


def _recover(schedule: PackageSchedule) -> None:
    """Report once by mail that nothing of the schedule fails any more."""
    if ScheduledPart.objects.filter(schedule=schedule).exclude(reason="").exists():
        return
    if PackageSchedule.objects.filter(pk=schedule.pk).exclude(failing_since=None).update(failing_since=None):
        schedule_letter(schedule, "")


def _save(part: ScheduledPart, **values: object) -> None:
    """Write only these fields. If the schedule was ended meanwhile, its part is gone and stays gone."""
    ScheduledPart.objects.filter(pk=part.pk).update(**values)
