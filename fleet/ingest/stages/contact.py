"""Contact in a batch: which stations were heard, when they are expected next, and which were late or silent before."""

from fleet.alerts.services import station_heard_again
from fleet.ingest.batch import Batch
from fleet.ingest.contacts import ContactRow
from fleet.ingest.database import cursor, moments, numbers
from fleet.ingest.limits.desk_quota import desks_write
from fleet.ingest.limits.quota import Buckets
from fleet.ingest.round import Round
from fleet.ingest.sequence import is_newer
from fleet.stations.contact.announcing import contacts_announce
from fleet.stations.contact.deadlines import waits_learned, waits_said
from fleet.stations.contact.pauses import PAUSES_SQL, is_pause
from fleet.stations.contact.rhythm import UNKNOWN_INTERVAL_S


def announce_contacts(work: Round) -> None:
    """Announce contacts whose state changed, and close silence incidents of stations that were silent."""
    contacts_announce(before=work.states_before, moment=work.moment)
    silent = [station_id for station_id, state in work.states_before.items() if state == "silent"]
    station_heard_again(station_ids=silent, moment=work.moment)


def contacts_write(rows: dict[int, ContactRow], batch: Batch) -> dict[int, str]:
    """Set every station that sent something to on time; return the state before, by id, of those that were not.

    For a station whose card was read at a desk, only the quotas are written.
    """
    desks_write({payer: left for payer, left in batch.buckets.items() if payer < 0})
    if absent := rows.keys() - batch.present:
        _quotas_write({station_id: batch.buckets[station_id] for station_id in absent})
        rows = {station_id: row for station_id, row in rows.items() if station_id in batch.present}
    announced, late, silent = [], [], []
    for station_id, row in rows.items():
        said = row.announced_s
        announcement = batch.announced.get(station_id)
        if announcement is not None and is_newer(announcement[0], row.announced_place, batch.future):
            said = announcement[1]
        announced.append(said)
        interval = said or row.operator_s
        if interval or row.rhythm_s is None:
            waits = waits_said(interval or UNKNOWN_INTERVAL_S)
        else:
            waits = waits_learned(row.rhythm_s, batch.moment)
        late.append(waits[0])
        silent.append(waits[1])
    _pauses_write(rows, batch)
    left = [batch.buckets[station_id] for station_id in rows]
    cursor().execute(
        "UPDATE stations_stationcontact c SET state = 'on_time', last_contact_at = %s, "
        "first_contact_at = coalesce(c.first_contact_at, %s), announced_interval_s = n.announced, "
        "late_after = %s + make_interval(secs => n.late), silent_after = %s + make_interval(secs => n.silent), "
        "quota_messages = n.messages, "
        "quota_bytes = n.bytes, quota_excess = n.excess, quota_at = n.quota_at, flooding_since = n.flooding, "
        "quota_reports = n.reports, "
        "backlog_messages = CASE WHEN n.is_home THEN 0 ELSE c.backlog_messages END, "
        "backlog_bytes = CASE WHEN n.is_home THEN 0 ELSE c.backlog_bytes END "
        "FROM unnest(%s::bigint[], %s::float8[], %s::float8[], %s::float8[], %s::float8[], "
        "%s::float8[], %s::float8[], %s::timestamptz[], %s::timestamptz[], %s::bool[], %s::float8[]) "
        "AS n(id, announced, late, silent, messages, bytes, excess, quota_at, flooding, is_home, reports) "
        "WHERE c.station_id = n.id",
        [
            *(batch.moment, batch.moment, batch.moment, batch.moment),
            *(numbers(column) for column in (rows, announced, late, silent)),
            *(
                numbers(column)
                for column in ([b.messages for b in left], [b.bytes for b in left], [b.excess for b in left])
            ),
            *(moments(column) for column in ([b.at for b in left], [b.flooding_since for b in left])),
            numbers([station_id in batch.all_home for station_id in rows]),
            numbers([b.reports for b in left]),
        ],
    )
    return {station_id: row.state for station_id, row in rows.items() if row.state != "on_time"}


def _pauses_write(rows: dict[int, ContactRow], batch: Batch) -> None:
    """Note the pauses that these contacts ended."""
    ended = [
        (station_id, began, (batch.moment - began).total_seconds())
        for station_id, row in rows.items()
        if (began := row.last_contact_at) is not None and is_pause(began, batch.moment)
    ]
    if ended:
        ids, begins, seconds = zip(*ended, strict=True)
        cursor().execute(PAUSES_SQL, [numbers(ids), moments(begins), numbers(seconds)])


def _quotas_write(left: dict[int, Buckets]) -> None:
    """Store the remaining quotas of stations that did not send anything themselves."""
    cursor().execute(
        "UPDATE stations_stationcontact c SET quota_messages = n.messages, quota_bytes = n.bytes, "
        "quota_excess = n.excess, quota_at = n.quota_at, flooding_since = n.flooding, "
        "quota_reports = n.reports "
        "FROM unnest(%s::bigint[], %s::float8[], %s::float8[], %s::float8[], %s::float8[], %s::timestamptz[], "
        "%s::timestamptz[]) "
        "AS n(id, messages, bytes, excess, reports, quota_at, flooding) WHERE c.station_id = n.id",
        [
            numbers(left),
            *(
                numbers([getattr(b, name) for b in left.values()])
                for name in ("messages", "bytes", "excess", "reports")
            ),
            *(moments([getattr(b, name) for b in left.values()]) for name in ("at", "flooding_since")),
        ],
    )
