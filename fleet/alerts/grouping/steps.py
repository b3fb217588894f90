"""The two steps of the sweep of silence that find common causes: for what has opened, and for what was held."""

from collections.abc import Sequence
from datetime import datetime

from fleet.alerts.grouping.parents import holding_end, parents_hold
from fleet.alerts.grouping.shared import shared_close, shared_join, shared_judge
from fleet.alerts.models import Incident
from fleet.alerts.notifications.planning import notifications_plan_opened


def silences_group(*, incidents: Sequence[Incident], moment: datetime) -> list[Incident]:
    """Hold what has a common cause, and tell of that; return the incidents to tell of on their own.

    Call it in the transaction that opens them. A station behind a silent parent is explained; what is left may be in a
    shared failure.
    """
    left = parents_hold(incidents=incidents, moment=moment)
    left = shared_join(incidents=left, moment=moment)
    return shared_judge(incidents=left, moment=moment)


def silences_regroup(*, moment: datetime) -> None:
    """Close shared failures that are over, and tell of what a parent held that is back. Each once, by its state."""
    shared_close(moment=moment)
    freed = holding_end()
    if freed:
        notifications_plan_opened(incidents=silences_group(incidents=freed, moment=moment), moment=moment)
