"""Messages about shared failures: one to each recipient when it opens, one when it is over."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from fleet.alerts.models import Incident, Notification
from fleet.alerts.models.shared import SharedFailure
from fleet.alerts.notifications.planning import notification_new, notifications_store
from fleet.alerts.notifications.recipients import Recipient, recipients_of
from fleet.alerts.rules.silence import NAME as SILENCE

Phase, State = Notification.Phase, Notification.State
_NOT_TOLD = frozenset({State.FAILED, State.DROPPED, State.HELD})


def shared_tell(
    *, failures: Mapping[int, SharedFailure], members: Mapping[int, Sequence[Incident]], moment: datetime
) -> None:
    """Plan one message about each new shared failure for everybody who would be told of its stations."""
    recipients = recipients_of({one.organization_id for one in failures.values()})
    planned = []
    for number, failure in failures.items():
        for recipient in recipients.get(failure.organization_id, []):
            notification = notification_new(failure.organization_id, SILENCE, Phase.OPENED, recipient, moment)
            notification.shared_id = number
            planned.append((notification, members[number]))
    notifications_store(planned)


def joined_add(*, joined: Mapping[int, Sequence[Incident]]) -> None:
    """Link incidents that joined to the messages about the failure, so that their receivers learn of the end, too."""
    told = Notification.objects.filter(shared__in=list(joined), phase=Phase.OPENED).exclude(state__in=_NOT_TOLD)
    through = Notification.incidents.through
    through.objects.bulk_create(
        [
            through(notification_id=number, incident_id=incident.pk)
            for number, shared in told.order_by("pk").values_list("pk", "shared_id")
            for incident in joined[shared or 0]
        ],
        batch_size=5_000,
    )


def shared_tell_over(
    *, failures: Sequence[SharedFailure], back: Mapping[int, Sequence[Incident]], moment: datetime
) -> None:
    """Plan one message about each end for those who were told of the beginning.

    Anyone whose message about the beginning still waits gets one with both. Nobody is told if no station is back:
    then the silence of all has become expected.
    """
    opened = Notification.objects.filter(shared__in=[one.pk for one in failures], phase=Phase.OPENED)
    told = list(opened.exclude(state__in=_NOT_TOLD).order_by("pk").select_for_update())
    receivers = {(one.shared_id, one.channel, one.recipient): one for one in told}
    for one in told:
        if one.state == State.PENDING and not one.is_maybe_delivered:
            receivers.pop((one.shared_id, one.channel, one.recipient), None)
    planned = []
    for one in receivers.values():
        if incidents := back.get(one.shared_id or 0):
            recipient = Recipient(one.channel, one.recipient, one.destination_id)
            notification = notification_new(one.organization_id, SILENCE, Phase.CLOSED, recipient, moment)
            notification.shared_id = one.shared_id
            planned.append((notification, incidents))
    notifications_store(planned)
