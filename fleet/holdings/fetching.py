"""Asking stations for their files: those that people chose, and those that the policy wants, within its limits.

One command asks for at most `MAX_ASKED` files; the next one follows when the station has none left to upload. If the
policy changes so that it no longer wants files that were asked for, or not now or not over that network, the request
for them is withdrawn.
"""

import logging
import time
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db import DatabaseError, transaction
from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet, Sum
from django.utils.translation import gettext as _

from fleet.commands.models import Command
from fleet.commands.services import command_issue
from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import Conflict, DomainError, InvalidInput
from fleet.core.locks import session_lock
from fleet.holdings.models import FetchPolicy, HeldFile, StationHolding
from fleet.holdings.policy import FetchRule, Mode, rule_of_station, window_end
from fleet.holdings.selectors import memory_for_many, states_add
from fleet.organizations.access import Role, Viewer, viewer_of_server
from fleet.stations.models import Station
from message_queue.contracts.commands.list_files import COMMAND as LIST_FILES
from message_queue.contracts.commands.upload_files import COMMAND, MAX_ASKED, WITHDRAWN

_log = logging.getLogger(__name__)

#: Maximum files that a person can choose at once.
CHOSEN_MOST = 500
#: Shortest remaining time in which asking is worth it.
_WINDOW_LEAST = timedelta(minutes=2)
#: Longest time for which a request is valid.
_ORDER_MOST = timedelta(days=1)
#: Seconds after which a run ends; the next one goes on after the last station that was served.
RUN_S = 240.0
#: After a look that found nothing to do for a station, seconds until the next look, unless something changes.
_EMPTY_S = 3_600
_LAST_SERVED = "holdings.fetch.last"
#: States of commands that ended without success.
_ENDED_BADLY = (Command.State.FAILED, Command.State.REFUSED, Command.State.EXPIRED, Command.State.CANCELLED)


@transaction.atomic
def files_choose(*, actor: Viewer, station: Station, file_ids: Iterable[int]) -> dict[str, int]:
    """Note that a person wants these files; return how many are wanted now, and how many are asked, stored or gone.

    Raises `Forbidden`, `Conflict` if the policy fetches nothing, and `InvalidInput` for unknown or too many files.
    """
    choose_require(actor=actor, station=station)
    rule = rule_of_station(station)
    if rule.mode == Mode.NONE:
        raise Conflict(
            _(
                "Nothing is fetched from %(serial)s: first set its policy to something else, such as “files that "
                "people choose”."
            )
            % {"serial": station.serial}
        )
    ids = sorted(set(file_ids))
    if not 1 <= len(ids) <= CHOSEN_MOST:
        raise InvalidInput(_("Choose from 1 to %(most)d files.") % {"most": CHOSEN_MOST}, field="files")
    moment = clock.now()
    found = list(states_add(station, rule, moment).filter(pk__in=ids))
    if len(found) != len(ids):
        missing = ", ".join(str(each) for each in sorted(set(ids) - {file.pk for file in found})[:10])
        raise InvalidInput(
            _("%(serial)s has no files with these ids: %(ids)s.") % {"serial": station.serial, "ids": missing},
            field="files",
        )
    counts = {"wanted": 0, "asked": 0, "stored": 0, "gone": 0}
    wanted = [file for file in found if file.state not in ("stored", "asked", "gone")]
    for file in found:
        counts[file.state if file.state in counts else "wanted"] += 1
    # A person who asks again means it: a refused file does not wait for a day.
    HeldFile.objects.filter(pk__in=[file.pk for file in wanted]).update(
        wanted_at=moment, wanted_by_name=actor.name[:150], end="", end_reason=""
    )
    audit(actor, station, "station.fetch_files", files=len(wanted), first=[file.path for file in wanted[:5]])
    return counts


def choose_require(*, actor: Viewer, station: Station) -> None:
    """Raise `Forbidden` unless the actor may choose files to be fetched."""
    actor.require(Role.OPERATOR, station=station, to=_("fetch files from %(serial)s"))


def files_fetch(*, moment: datetime) -> int:
    """Ask all stations for the files wanted from them; return how many. Only one process at a time does this."""
    asked = 0
    with session_lock("roost.holdings.fetch") as is_ours:
        if not is_ours:
            return 0
        until = time.monotonic() + RUN_S
        for station_id in _stations_in_turn():
            if time.monotonic() > until:
                _log.warning("There was no time to ask all stations for files: the next run goes on with the others.")
                break
            station = Station.objects.select_related("organization").filter(pk=station_id).first()
            if station is None:
                continue
            try:
                asked += station_fetch(station=station, moment=moment)
            except DomainError as error:
                # For example, too many commands wait for it, or it was just retired: the next run tries again.
                _log.info("%s was not asked for files: %s", station.serial, error)
            except DatabaseError:
                # One station's trouble must not stop the others; the next run tries this one again.
                _log.exception("%s was not asked for files.", station.serial)
            cache.set(_LAST_SERVED, station_id, None)
    return asked


@transaction.atomic
def station_fetch(*, station: Station, moment: datetime) -> int:
    """Ask one station for the next files; return how many. Raises what `command_issue` raises."""
    rule = rule_of_station(station)
    _ends_note(station, moment)
    until = window_end(rule, zone=station.organization.timezone, moment=moment)
    _withdraw(station, rule, until, moment)
    if rule.mode == Mode.NONE or until is None or until - moment < _WINDOW_LEAST:
        return 0
    if not StationHolding.objects.filter(station=station).exists():
        _listing_ask(station, moment)
        return 0
    if _asked_now(station, moment).exists():
        return 0
    key, seen = f"holdings.fetch.empty.{station.pk}", _what_decides(station, rule, moment)
    if cache.get(key) == seen:
        return 0
    chosen = _next_files(station, rule, moment)
    if not chosen:
        cache.set(key, seen, _EMPTY_S)
        return 0
    parameters = {
        "files": [{"path": file.path, "sha256": file.sha256} for file in chosen],
        "until": until.timestamp(),
        "networks": list(rule.networks),
    }
    command = command_issue(
        viewer=viewer_of_server("fetch policy"),
        station=station,
        name=COMMAND.name,
        parameters=parameters,
        expires_in=int((until - moment).total_seconds()),
    )
    HeldFile.objects.filter(pk__in=[file.pk for file in chosen]).update(
        asked_at=moment, asked_until=until, asked_with=command.pk, end="", end_reason=""
    )
    return len(chosen)


def _withdraw(station: Station, rule: FetchRule, until: datetime | None, moment: datetime) -> None:
    """Withdraw requests that the policy no longer allows. The parts that have already arrived are kept."""
    key, seen = f"holdings.fetch.rule.{station.pk}", f"{rule} {until is None}"
    if cache.get(key) == seen or not _asked_now(station, moment).exists():
        return
    asked = list(
        states_add(station, rule, moment).filter(pk__in=_asked_now(station, moment).values("pk"), state="asked")
    )
    with_ids = {file.asked_with for file in asked}
    told = dict(Command.objects.filter(pk__in=with_ids).values_list("pk", "parameters"))
    networks = {pk: set(parameters.get("networks", ())) for pk, parameters in told.items()}
    unwanted = [
        file
        for file in asked
        if file.kept_for
        or until is None
        or file.asked_until > until + _WINDOW_LEAST
        or networks.get(file.asked_with, set()) != set(rule.networks)
    ][:MAX_ASKED]
    if not unwanted:
        # Until the policy or its hours change, there is no need to check this every minute.
        cache.set(key, seen, _EMPTY_S)
        return
    command_issue(
        viewer=viewer_of_server("fetch policy"),
        station=station,
        name=COMMAND.name,
        parameters={
            "files": [{"path": file.path, "sha256": file.sha256} for file in unwanted],
            "until": WITHDRAWN,
            "networks": [],
        },
        expires_in=int(_ORDER_MOST.total_seconds()),
    )
    HeldFile.objects.filter(pk__in=[file.pk for file in unwanted]).update(asked_until=None)


def octets_left(*, station: Station, rule: FetchRule, moment: datetime) -> int | None:
    """Bytes that may still be asked for on this UTC day; None: any number."""
    if rule.octets_per_day is None:
        return None
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    used = HeldFile.objects.filter(station=station, asked_at__gte=day).aggregate(total=Sum("octets"))["total"] or 0
    return max(rule.octets_per_day - int(used), 0)


def _stations_in_turn() -> list[int]:
    """Ids of stations that know the command, and have a policy (their own or their organization's) or were asked.

    Stations after the last one served come first, so that every station gets its turn.
    """
    policies = FetchPolicy.objects.exclude(mode=Mode.NONE)
    own = Q(fetch_policy__in=policies)
    moment = clock.now()
    asked = HeldFile.objects.filter(station=OuterRef("pk"), asked_at__gte=moment - _ORDER_MOST, asked_until__gt=moment)
    usual = Q(fetch_policy=None, organization__fetch_policy__in=policies)
    found = (
        Station.objects.filter(
            own | usual | Q(Exists(asked)), retired_at=None, deleted_at=None, organization__deleted_at=None
        )
        .filter(contact__hello__commands__contains=[COMMAND.name])
        .values_list("pk", flat=True)
    )
    last = int(cache.get(_LAST_SERVED) or 0)
    return sorted(found, key=lambda station_id: (station_id <= last, station_id))


def _asked_now(station: Station, moment: datetime) -> QuerySet[HeldFile]:
    """The files that the station may upload now. The filter on `asked_at` lets an index find them."""
    return HeldFile.objects.filter(station=station, asked_at__gte=moment - _ORDER_MOST, asked_until__gt=moment)


def _what_decides(station: Station, rule: FetchRule, moment: datetime) -> str:
    """All that decides which files are wanted, except the time of day. If unchanged, an empty result is still valid."""
    told = StationHolding.objects.filter(station=station).values_list("received_at", flat=True).first()
    chosen = HeldFile.objects.filter(station=station, wanted_at__isnull=False)
    wish = chosen.aggregate(files=Count("pk"), newest=Max("wanted_at"))
    return f"{rule} {told} {wish['files']} {wish['newest']} {moment.date()}"


def _next_files(station: Station, rule: FetchRule, moment: datetime) -> list[HeldFile]:
    """The next files to ask for: first those that people chose, then by age, until the day's bytes are used up."""
    left = octets_left(station=station, rule=rule, moment=moment)
    memory_for_many()
    wanted = states_add(station, rule, moment).filter(state="wanted")
    if rule.mode == Mode.ON_DEMAND:
        # Only chosen files can be wanted, and an index finds these few.
        wanted = wanted.filter(wanted_at__isnull=False)
    age = F("last_at").desc(nulls_last=True) if rule.is_newest_first else F("last_at").asc(nulls_first=True)
    path = "-path" if rule.is_newest_first else "path"
    chosen: list[HeldFile] = []
    for file in wanted.order_by(F("wanted_at").asc(nulls_last=True), age, path)[:MAX_ASKED]:
        if left is not None and file.wanted_at is None and file.octets > left:
            # Keep the order: a smaller file behind it waits for the next day too.
            break
        left = None if left is None else max(left - file.octets, 0)
        chosen.append(file)
    return chosen


def _listing_ask(station: Station, moment: datetime) -> None:
    """Once a day, ask a station for its list of files if it has sent none here, as after a move from elsewhere."""
    asked = Command.objects.filter(station=station, name=LIST_FILES.name, issued_at__gt=moment - timedelta(days=1))
    if not asked.exists():
        command_issue(viewer=viewer_of_server("fetch policy"), station=station, name=LIST_FILES.name, parameters={})


def _ends_note(station: Station, moment: datetime) -> None:
    """Mark the files of a command that failed as refused, with its reason; after a day they are asked for again."""
    asked = _asked_now(station, moment)
    ids = {command_id for command_id in asked.values_list("asked_with", flat=True) if command_id}
    for command in Command.objects.filter(pk__in=ids, state__in=_ENDED_BADLY):
        reason = command.note or _("The command failed; no reason was given.")
        asked.filter(asked_with=command.pk).update(
            asked_until=None, end="refused", end_reason=reason[:300], ended_at=moment
        )
