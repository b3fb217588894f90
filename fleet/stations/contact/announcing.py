"""Events on `fleet.events` when contact changes: `contact_on_time`, `contact_late`, `contact_silent`."""

from collections.abc import Mapping
from datetime import datetime

from django.db import connection

from fleet.core.outbox import CHANNEL

_ANNOUNCE = f"""
WITH told AS (
    INSERT INTO core_outboxmessage
        (target, routing_key, body, message_id, created_at, attempts, due_at, last_error)
    SELECT 'event', concat_ws('.', o.slug, s.serial, 'contact_' || c.state), jsonb_build_object(
        'event', 'contact_' || c.state, 'station', s.serial, 'at', to_jsonb(%(moment)s::timestamptz),
        'before', n.before, 'last_contact_at', to_jsonb(c.last_contact_at)
    ), '', %(moment)s, 0, %(moment)s, ''
    FROM unnest(%(ids)s::bigint[], %(before)s::text[]) AS n(id, before)
    JOIN stations_stationcontact c ON c.station_id = n.id
    JOIN stations_station s ON s.id = n.id
    JOIN organizations_organization o ON o.id = s.organization_id
    WHERE s.retired_at IS NULL ORDER BY n.id
    RETURNING 1
)
SELECT pg_notify('{CHANNEL}', '') FROM told LIMIT 1
"""  # noqa: S608 - a constant


def contacts_announce(*, before: Mapping[int, str], moment: datetime) -> None:
    """Announce the stations whose contact state just changed, with the state before; in the caller's transaction."""
    if not before:
        return
    with connection.cursor() as cursor:
        cursor.execute(_ANNOUNCE, {"ids": list(before), "before": list(before.values()), "moment": moment})
