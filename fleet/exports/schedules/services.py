"""Creating and ending schedules of repeated packages; the lists of schedules and their parts."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Count, Max, Q, QuerySet
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import Conflict, InvalidInput, NotFound, TooMany
from fleet.exports.models import PackageSchedule, ScheduledPart
from fleet.exports.question import KINDS, Format, PackageQuestion, question_check, stations_chosen
from fleet.exports.schedules.delivery import targets_offered
from fleet.exports.schedules.periods import period_start
from fleet.organizations.access import Role, Viewer
from fleet.organizations.members import organization_lock
from fleet.organizations.models import Organization

#: Maximum schedules of one organization; their packages wait in the organization's queue.
SCHEDULES_MOST: Final = 20
#: How many periods back a new schedule may begin: parts of all of them are made as soon as possible.
_PARTS_MOST: Final = 400
_DAYS: Final = {"day": 1, "week": 7, "month": 31}
_NAME_MOST: Final = 80
Every, Target = PackageSchedule.Every, PackageSchedule.Target


@transaction.atomic
def schedule_add(
    *,
    actor: Viewer,
    organization: Organization,
    name: str,
    every: str,
    target: str,
    since: datetime | None = None,
    serials: Collection[str] = (),
    kinds: Collection[str] = KINDS,
    series: Collection[str] = (),
    wanted: str = Format.CSV,
    is_local: bool = False,
    is_clean: bool = False,
) -> PackageSchedule:
    """Repeat a package from the current period on, or from the period of `since`.

    Raises `Forbidden`, `NotFound`, `InvalidInput`, `Conflict` and `TooMany`.
    """
    schedule_add_check(actor=actor, organization=organization)
    organization_lock(organization)
    name = " ".join(name.replace("\x00", "").split())
    if not 0 < len(name) <= _NAME_MOST:
        raise InvalidInput(_("Give it a name of at most %(most)d characters.") % {"most": _NAME_MOST}, field="name")
    _choice_check(every, target, wanted)
    if PackageSchedule.objects.filter(organization=organization).count() >= SCHEDULES_MOST:
        raise TooMany(_("An organization repeats at most %(most)d packages: end one.") % {"most": SCHEDULES_MOST})
    moment = clock.now()
    first = period_start(every, min(since or moment, moment))
    if first < moment - timedelta(days=_DAYS[every] * _PARTS_MOST):
        raise InvalidInput(
            _("That is more than %(most)d files at once: begin later, or repeat it less often.")
            % {"most": _PARTS_MOST},
            field="since",
        )
    stations = stations_chosen(organization=organization, serials=serials, deployment_ids=())[0]
    question_check(
        PackageQuestion(
            organization=organization, station_ids=tuple(stations), kinds=tuple(kinds), series=tuple(series),
            start=first, end=first + timedelta(days=1), format=Format(wanted),
        )
    )  # fmt: skip
    try:
        with transaction.atomic():
            schedule = PackageSchedule.objects.create(
                organization=organization, name=name, every=every, target=target, created_by=actor.user,
                created_by_name=actor.name[:150], created_at=moment, station_ids=stations if serials else [],
                kinds=list(dict.fromkeys(kinds)), series=list(dict.fromkeys(series)), format=wanted,
                is_local=is_local, is_clean=is_clean, next_start=first,
            )  # fmt: skip
    except IntegrityError as error:
        raise Conflict(_("There is a repeated package of this name already.")) from error
    audit(actor, schedule, "schedule.add", every=every, target=target)
    return schedule


def schedule_add_check(*, actor: Viewer, organization: Organization) -> None:
    """Raise `Forbidden` unless the actor may repeat and end packages."""
    actor.require(Role.OPERATOR, organization=organization, to=_("repeat packages of %(name)s"))


@transaction.atomic
def schedule_remove(*, actor: Viewer, schedule: PackageSchedule) -> None:
    """End a schedule. Delivered files stay where they are."""
    schedule_add_check(actor=actor, organization=schedule.organization)
    if PackageSchedule.objects.filter(pk=schedule.pk).delete()[0]:
        audit(actor, schedule, "schedule.remove")


def schedule_list(*, organization: Organization) -> QuerySet[PackageSchedule]:
    """The schedules of an organization by name, with `made` and `waiting` (numbers of parts) and `last_at`."""
    done, parts = Q(parts__state=ScheduledPart.State.DONE), Count("parts")
    return (
        PackageSchedule.objects.filter(organization=organization)
        .select_related("organization")
        .annotate(
            made=Count("parts", filter=done),
            waiting=parts - Count("parts", filter=done),
            last_at=Max("parts__end_at", filter=done),
        )
        .order_by("name", "id")
    )


def schedule_find(*, viewer: Viewer, organization: Organization, schedule_id: int) -> PackageSchedule:
    """One schedule. Raises `NotFound` for any that the viewer may not see."""
    found = schedule_list(organization=organization).filter(pk=schedule_id).first()
    if found is None or not viewer.may(Role.VIEWER, organization.pk):
        raise NotFound(_("There is no such repeated package that you may see."))
    return found


def part_list(*, schedule: PackageSchedule) -> QuerySet[ScheduledPart]:
    """The parts of a schedule, the newest period first."""
    return ScheduledPart.objects.filter(schedule=schedule).order_by("-start_at")


def _choice_check(every: str, target: str, wanted: str) -> None:
    for value, known, field in ((every, [*Every.values], "every"), (wanted, [*Format], "format")):
        if value not in known:
            raise InvalidInput(
                _("Choose one of these: %(known)s.") % {"known": ", ".join(str(one) for one in known)}, field=field
            )
    if target not in targets_offered():
        raise InvalidInput(
            _("This server has these places: %(known)s. Its administrators can set up others.")
            % {"known": ", ".join(targets_offered())},
            field="target",
        )
