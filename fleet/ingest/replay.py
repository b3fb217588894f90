"""Trying quarantined messages again after their problem, or ours, was fixed; and accepting those that only wait."""

import random
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from fleet.commands.models import Congestion
from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import Conflict
from fleet.core.locks import session_lock
from fleet.core.outbox import job_ask
from fleet.ingest.delivery import FORKED, TOO_MANY_GAPS, Delivery
from fleet.ingest.limits.quota import FLOOD_S, OVER_QUOTA
from fleet.ingest.models import QuarantinedMessage, QuarantineReplay
from fleet.ingest.outcome import Outcome
from fleet.ingest.pipeline import Pipeline
from fleet.ingest.quarantine import State, delivery_of, quarantine_list, quarantine_release
from fleet.ingest.reading import weight_said
from fleet.ingest.stages.gaps import UNNOTED, Admission, gaps_admit
from fleet.organizations.access import Viewer
from fleet.organizations.models import Membership
from fleet.stations.models import Station

REPLAY_JOB = "ingest.replay_quarantine"
#: Over-quota messages accepted per run; the scheduler runs this every few seconds.
RELEASED_AT_ONCE = 1_000
#: Unpacked bytes accepted per run: reading them takes at most some seconds.
RELEASED_BYTES = 16_000_000
#: Maximum stations that share these limits in one run; each costs one query.
RELEASED_STATIONS = 50
#: Streams whose messages waiting for room in the ledger are tried per run.
RELEASED_STREAMS = 10
#: Messages per transaction; each may have the maximum size of a message.
BATCH = 50
#: A job ends after this long, well before Celery would end it, and the next one continues.
_JOB_MOST = timedelta(minutes=5)


@transaction.atomic
def quarantine_replay(*, viewer: Viewer, message: QuarantinedMessage) -> Outcome:
    """Try the message again, although the ledger has its number. If it fails again, it is quarantined as a new message.

    Raises `Conflict` if it waits for room in the ledger and there is still none.
    """
    delivery = quarantine_release(viewer=viewer, message=message)
    if message.reason in UNNOTED:
        admission = gaps_admit([message])
        if admission.waits:
            raise Conflict(
                _(
                    "There are still as many gaps, or streams, as before. The message stays here; messages that wait "
                    "for gaps are accepted automatically once some have closed."
                )
            )
        if admission.repeats:
            return Outcome(repeats=1)
    return deliveries_retake([delivery])


@transaction.atomic
def quarantine_replay_ask(*, viewer: Viewer, reason: str, station: str = "") -> QuarantineReplay:
    """Ask a job to replay all held messages of a reason that this viewer may decide about."""
    if reason == FORKED:
        raise Conflict(
            _("Messages of a branched stream are decided together as a branch, on the station's “Deliveries” page.")
        )
    viewer.require_somewhere(Membership.Role.OPERATOR, to=_("decide about messages in quarantine"))
    may_decide = viewer.organization_ids(Membership.Role.OPERATOR)
    held = quarantine_list(viewer=viewer, station=station, reason=reason)
    if not viewer.sees_all:
        held = held.filter(station__organization_id__in=may_decide)
    up_to_id = held.aggregate(most=Max("id"))["most"]
    if not reason or up_to_id is None:
        raise Conflict(_("There are no held messages with this reason that you may decide about."))
    one = held.first()
    replay = QuarantineReplay.objects.create(
        reason=reason,
        station=one.station if station and one else None,
        organization_ids=None if viewer.sees_all else sorted(may_decide),
        asked_by=viewer.user,
        asked_by_name=viewer.name[:150],
        asked_at=clock.now(),
        up_to_id=up_to_id,
        total=held.count(),
    )
    audit_write(
        actor=viewer.user,
        organization_id=replay.station.organization_id if replay.station else None,
        action="quarantine.replay_all",
        subject=f"all messages of the reason {reason}",
        detail={"by": viewer.name, "station": station, "messages": replay.total},
    )
    job_ask(REPLAY_JOB)
    return replay


def quarantine_replay_list(
    *, viewer: Viewer, reason: str = "", station: str = "", is_finished: bool | None = None
) -> QuerySet[QuarantineReplay]:
    """Bulk replays that concern this viewer's organizations, newest first. Empty criteria do not limit the list."""
    rows = QuarantineReplay.objects.select_related("station").order_by("-id")
    if reason:
        rows = rows.filter(reason=reason)
    if station:
        rows = rows.filter(station__serial=station)
    if is_finished is not None:
        rows = rows.filter(finished_at__isnull=not is_finished)
    return rows if viewer.sees_all else rows.filter(organization_ids__contained_by=sorted(viewer.organization_ids()))


def quarantine_replays_run() -> int:
    """Work off requested replays, oldest first; return how many messages were tried. Only one job runs at a time."""
    tried, end = 0, clock.now() + _JOB_MOST
    with session_lock("roost.ingest.replay") as is_ours:
        if not is_ours:
            return 0
        for number in list(
            QuarantineReplay.objects.filter(finished_at=None).order_by("id").values_list("id", flat=True)
        ):
            while clock.now() < end and (batch := _replay_batch(number)):
                tried += batch
    return tried


@transaction.atomic
def _replay_batch(number: int) -> int:
    """Try the next messages of a replay and record its progress, in one transaction; 0 when it is finished."""
    replay = QuarantineReplay.objects.select_for_update().get(id=number)
    held = QuarantinedMessage.objects.filter(
        state=State.HELD, reason=replay.reason, id__gt=replay.last_id, id__lte=replay.up_to_id
    )
    if replay.organization_ids is not None:
        held = held.filter(station__organization_id__in=replay.organization_ids)
    if replay.station_id is not None:
        held = held.filter(station_id=replay.station_id)
    found = list(held.select_for_update().order_by("id")[:BATCH])
    if not found:
        QuarantineReplay.objects.filter(id=number).update(finished_at=clock.now())
        return 0
    outcome = messages_retake(found, decided_by=replay.asked_by_name)
    QuarantineReplay.objects.filter(id=number).update(
        last_id=found[-1].id,
        done=F("done") + len(found),
        stored=F("stored") + outcome.stored,
        quarantined=F("quarantined") + outcome.quarantined + outcome.partial,
    )
    return len(found)


def messages_retake(messages: Sequence[QuarantinedMessage], *, decided_by: str) -> Outcome:
    """Mark messages that the caller has locked as replayed and store them, in the caller's transaction.

    Messages for which the ledger has no room stay in quarantine.
    """
    gapped = [message for message in messages if message.reason in UNNOTED]
    admission = gaps_admit(gapped) if gapped else Admission()
    waits = {message.id for message in admission.waits}
    decided = [message for message in messages if message.id not in waits]
    QuarantinedMessage.objects.filter(id__in=[message.id for message in decided], state=State.HELD).update(
        state=State.REPLAYED, decided_by=decided_by[:150], decided_at=clock.now()
    )
    repeats = {message.id for message in admission.repeats}
    outcome = deliveries_retake([delivery_of(message) for message in decided if message.id not in repeats])
    outcome.add(Outcome(repeats=len(repeats), quarantined=len(waits)))
    return outcome


def deliveries_retake(deliveries: Sequence[Delivery]) -> Outcome:
    """Store messages whose numbers may already be in the ledger, without treating them as repeats."""
    return Pipeline().retake(deliveries)


@transaction.atomic
def quota_release() -> int:
    """Accept messages that wait for a quota, oldest first, unless their station floods; return how many.

    A few at a time, and none while Roost cannot keep up, because messages within their quota come first. Each station
    gets the same share, so that one station's backlog does not delay another's.
    """
    if Congestion.objects.filter(ended_at=None).exists():
        return 0
    waiting = QuarantinedMessage.objects.filter(state=State.HELD, reason=OVER_QUOTA)
    # In random order: if more stations wait than fit, each gets its turn.
    stations = list(
        Station.objects.filter(Exists(waiting.filter(station=OuterRef("pk"))), suspended_at=None)
        # If a flooding station has stopped sending, no batch comes that would record the end of the flood.
        .filter(Q(contact__flooding_since=None) | Q(contact__quota_at__lt=clock.now() - timedelta(seconds=FLOOD_S)))
        .order_by("?")
        .values_list("pk", flat=True)[:RELEASED_STATIONS]
    )
    messages: list[QuarantinedMessage] = []
    for station_id in stations:
        held = waiting.filter(station_id=station_id).select_for_update(skip_locked=True)
        oldest = list(held.order_by("received_at", "id")[: RELEASED_AT_ONCE // len(stations)])
        messages += _affordable(oldest, RELEASED_BYTES // len(stations))
    if messages:
        messages_retake(sorted(messages, key=lambda message: message.id), decided_by="Roost")
    return len(messages)


def _affordable(messages: list[QuarantinedMessage], most: int) -> list[QuarantinedMessage]:
    """The first of these that together unpack to at most `most` bytes; always at least one."""
    size = 0
    for count, message in enumerate(messages):
        size += weight_said(delivery_of(message))
        if size > most and count:
            return messages[:count]
    return messages


def gaps_release() -> int:
    """Accept messages that wait for room in the ledger, of some streams, as far as there is room; return how many."""
    if Congestion.objects.filter(ended_at=None).exists():
        return 0
    waiting = QuarantinedMessage.objects.filter(state=State.HELD, reason=TOO_MANY_GAPS)
    streams = list(waiting.order_by().values_list("station_id", "stream").distinct())
    taken = 0
    for station_id, stream in random.sample(streams, min(len(streams), RELEASED_STREAMS)):
        held = waiting.filter(station_id=station_id, stream=stream).order_by("id")
        with transaction.atomic():
            messages = list(held.select_for_update(skip_locked=True)[:RELEASED_AT_ONCE])
            taken += len(messages) - messages_retake(messages, decided_by="Roost").quarantined
    return taken
