"""Turns between organizations on a channel: the one whose messages took least time lately is served first.

A receiver that accepts connections and never answers costs the sender 15 s. Its organization pays for that with a later
turn, not those whose receivers answer.
"""

from datetime import datetime, timedelta

from django.db import connection
from django.db.models import F, FloatField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Floor

from fleet.alerts.models import Notification, SendingTime

#: Time spent on sending is forgotten after this long.
WINDOW = timedelta(minutes=10)
#: Organizations whose messages took about the same time are served by due time.
_ALIKE_S = 5.0

_ADD = """
    INSERT INTO alerts_sendingtime AS t (organization_id, channel, seconds, counted_from)
    SELECT id, %(channel)s, %(seconds)s, %(moment)s FROM organizations_organization
    WHERE id = %(organization)s FOR KEY SHARE
    ON CONFLICT (organization_id, channel) DO UPDATE SET
        seconds = excluded.seconds + CASE WHEN t.counted_from > %(start)s THEN t.seconds ELSE 0 END,
        counted_from = CASE WHEN t.counted_from > %(start)s THEN t.counted_from ELSE excluded.counted_from END
"""


def in_turn(waiting: QuerySet[Notification], *, channel: str, moment: datetime) -> QuerySet[Notification]:
    """Order by the time that the organization took lately, then first attempts before others, then the longest due."""
    took = SendingTime.objects.filter(
        organization=OuterRef("organization"), channel=channel, counted_from__gt=moment - WINDOW
    ).values("seconds")
    spent = Floor(Coalesce(Subquery(took), Value(0.0), output_field=FloatField()) / Value(_ALIKE_S))
    return waiting.alias(spent=spent, retries=F("attempts")).order_by("spent", "retries", "due_at", "id")


def time_add(*, organization_id: int, channel: str, seconds: float, moment: datetime) -> None:
    """Add the time that one message of an organization took, unless the organization was deleted meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(
            _ADD,
            {
                "organization": organization_id,
                "channel": channel,
                "seconds": seconds,
                "moment": moment,
                "start": moment - WINDOW,
            },
        )
