"""Places where tags were heard: the deployments during which their stations heard them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection

from fleet.telemetry.heard.question import HeardQuestion

#: Maximum deployments on one map; of more, only the first are returned, and the number of all.
PLACES_MOST: Final = 200
# A station that moves within an hour is where it was when it first heard the tag in that hour.
_PLACES: Final = """
WITH narrowed AS MATERIALIZED (SELECT station_id, first_at, last_at, count FROM telemetry_taghour WHERE {where})
SELECT d.id, min(h.first_at), max(h.last_at), sum(h.count)::bigint, count(*) OVER ()
FROM narrowed h JOIN deployments_deployment d ON d.station_id = h.station_id AND d.period @> h.first_at
GROUP BY d.id ORDER BY 2, 1 LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class HeardPlace:
    """A deployment during which the tag was heard: when first and last, and how often."""

    deployment_id: int
    first_at: datetime
    last_at: datetime
    count: int


def places_heard(*, question: HeardQuestion) -> tuple[list[HeardPlace], int]:
    """Deployments in the order in which they first heard the tag, and how many there are in all."""
    with connection.cursor() as cursor:
        cursor.execute(_PLACES.format(where=question.where), question.parameters | {"most": PLACES_MOST})
        rows = cursor.fetchall()
    return [HeardPlace(*row[:4]) for row in rows], rows[0][4] if rows else 0
