"""The two steps of the sweep of silence that find common causes: for incidents that opened, and for held ones."""

from collections.abc import Sequence
from datetime import datetime

from fleet.alerts.grouping.parents import holding_end, parents_hold
from fleet.alerts.grouping.shared import shared_close, shared_join, shared_judge
from fleet.alerts.models import Incident
from fleet.alerts.notifications.planning import notifications_plan_opened


def silences_group(*, incidents: Sequence[Incident], moment: datetime) -> list[Incident]:
    """Hold incidents with a common cause, and plan one message about it; return those that get messages of their own.

    Call it in the transaction that opens them. A silent parent explains the stations behind it; only the others can be
    in a shared failure.
    """
    left = parents_hold(incidents=incidents, moment=moment)
    left = shared_join(incidents=left, moment=moment)
    return shared_judge(incidents=left, moment=moment)


def silences_regroup(*, moment: datetime) -> None:
    """Close shared failures that are over, and tell people, once, of incidents whose parent is back."""
    shared_close(moment=moment)
    freed = holding_end()
    if freed:
        notifications_plan_opened(incidents=silences_group(incidents=freed, moment=moment), moment=moment)
