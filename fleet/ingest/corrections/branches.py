"""Branches of streams: handling messages whose numbers another run of the agent had already claimed.

    held ──the trunk sent again: two machines──▶ cloned ──a person decides──▶ believed | discarded
     └──not within PATIENCE: the outbox went back in time──▶ believed

The state is in the ledger row (`StreamLedger.branch`), the messages are in quarantine. A decision changes the state
immediately; a job works off the messages in batches and continues where it stopped.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import Conflict, InvalidInput
from fleet.core.locks import session_lock
from fleet.core.outbox import job_ask
from fleet.ingest.delivery import FORKED
from fleet.ingest.ledger import RUN_SEPARATOR, branch_name
from fleet.ingest.models import QuarantinedMessage
from fleet.ingest.replay import messages_retake
from fleet.organizations.access import Viewer
from fleet.organizations.models import Membership
from fleet.telemetry.models import StreamLedger

Branch = StreamLedger.Branch
BRANCHES_JOB = "ingest.settle_branches"
#: How long the other machine has to send before the branch counts as an outbox that went back in time.
PATIENCE = timedelta(minutes=10)
#: A trunk that sends this soon after its branch may just have been waiting in another queue.
AT_ONCE = timedelta(seconds=30)
_BATCH = 50
_UNDECIDED = (Branch.HELD, Branch.CLONED)


@transaction.atomic
def branch_settle(*, viewer: Viewer | None, ledger: StreamLedger, decision: str) -> None:
    """Believe or discard a branch; a job then accepts or discards its messages. Without a viewer, Roost decides."""
    organization_id = ledger.station.organization_id
    if viewer is not None:
        viewer.require(Membership.Role.OPERATOR, organization=organization_id, to=_("decide about a branch"))
    if decision not in (Branch.BELIEVED, Branch.DISCARDED):
        raise InvalidInput(_("A branch can only be believed or discarded."), field="decision")
    rows = StreamLedger.objects.filter(id=ledger.id, branch__in=_UNDECIDED)
    if not rows.update(branch=decision):
        raise Conflict(_("Somebody else has already decided about this branch."))
    trunk = _trunk_of(ledger)
    if trunk is not None and not _branches_of(trunk).filter(branch__in=_UNDECIDED).exists():
        StreamLedger.objects.filter(id=trunk.id).update(is_contested=False)
    audit(viewer, ledger, f"branch.{decision}", messages=ledger.messages)
    job_ask(BRANCHES_JOB)


def branches_judge(*, moment: datetime) -> None:
    """Judge each held branch by what is known now: two machines, or an outbox that went back in time."""
    for ledger in StreamLedger.objects.select_related("station__contact").filter(branch=Branch.HELD).order_by("id"):
        trunk = _trunk_of(ledger)
        spoke_at = trunk.newest_run_at if trunk else None
        if spoke_at is not None and spoke_at > ledger.first_at + AT_ONCE:
            StreamLedger.objects.filter(id=ledger.id, branch=Branch.HELD).update(branch=Branch.CLONED)
        elif moment - ledger.first_at > _patience(ledger):
            branch_settle(viewer=None, ledger=ledger, decision=Branch.BELIEVED)


def branches_work_off() -> int:
    """Accept or discard the messages of decided branches; return how many. Only one job runs at a time."""
    done = 0
    with session_lock("roost.ingest.branches") as is_ours:
        if not is_ours:
            return 0
        waiting = QuarantinedMessage.objects.filter(state=QuarantinedMessage.State.HELD, reason=FORKED)
        stations = waiting.values_list("station_id", flat=True).distinct()
        decided = StreamLedger.objects.filter(
            station__in=list(stations), branch__in=(Branch.BELIEVED, Branch.DISCARDED)
        )
        for ledger in decided.order_by("id"):
            while batch := _work_off(ledger):
                done += batch
    return done


def branch_messages(ledger: StreamLedger) -> QuerySet[QuarantinedMessage]:
    """Held messages of a branch, oldest first."""
    stream, _dash, run = ledger.stream.rpartition(RUN_SEPARATOR)
    return QuarantinedMessage.objects.filter(
        station=ledger.station_id,
        reason=FORKED,
        state=QuarantinedMessage.State.HELD,
        stream__startswith=stream,
        properties__application_headers__run=run,
    ).order_by("id")


@transaction.atomic
def _work_off(ledger: StreamLedger) -> int:
    messages = list(branch_messages(ledger).select_for_update()[:_BATCH])
    if ledger.branch == Branch.BELIEVED:
        if messages:
            messages_retake(messages, decided_by="Roost")
        return len(messages)
    return _discard(messages)


def _discard(messages: Iterable[QuarantinedMessage]) -> int:
    return QuarantinedMessage.objects.filter(id__in=[message.id for message in messages]).update(
        state=QuarantinedMessage.State.DISCARDED, decided_by="Roost", decided_at=clock.now(), note="With its branch."
    )


def _patience(ledger: StreamLedger) -> timedelta:
    """Time to wait for the trunk: a station that reports hourly needs longer than one that reports every minute."""
    contact = getattr(ledger.station, "contact", None)
    rhythm = (contact.announced_interval_s or max(contact.rhythm_s or (0.0,))) if contact else 0.0
    return max(PATIENCE, timedelta(seconds=2.0 * rhythm))


def _trunk_of(ledger: StreamLedger) -> StreamLedger | None:
    stream, _dash, run = ledger.stream.rpartition(RUN_SEPARATOR)
    for trunk in StreamLedger.objects.filter(station=ledger.station_id, branch=Branch.TRUNK, stream__startswith=stream):
        if branch_name(trunk.stream, run) == ledger.stream:
            return trunk
    return None


def _branches_of(trunk: StreamLedger) -> QuerySet[StreamLedger]:
    return StreamLedger.objects.filter(
        station=trunk.station_id, stream__startswith=branch_name(trunk.stream, ""), branch__gt=""
    )
