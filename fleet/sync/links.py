"""Links from stations to their current record in an outside system: by serial, active ones first, then newest."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from fleet.stations.models import Station
from fleet.sync.adapters.base import Adapter
from fleet.sync.models import ExternalChange, ExternalLink, ExternalRecord, SyncRun
from fleet.sync.records import LINK, serial_matched

_BATCH = 1_000


def links_renew(*, adapter: Adapter, moment: datetime, run: SyncRun | None = None, only_new: bool = False) -> int:
    """Link every station to its current record, or record that it has none; return how many links changed.

    `run`: the check under which link changes are stored. `only_new`: only stations without a link in this system yet;
    the list is the one stored at `moment`.
    """
    stations = Station.objects.order_by("id")
    if only_new:
        stations = stations.exclude(external_links__system=adapter.name)
    serials = dict(stations.values_list("id", "serial"))
    if not serials:
        return 0
    current = _current_records(adapter, serials)
    before = {
        link.station_id: link
        for link in ExternalLink.objects.filter(system=adapter.name, station_id__in=serials).select_related("record")
    }
    written: list[ExternalLink] = []
    changes: list[ExternalChange] = []
    for station_id in serials:
        link, record = before.get(station_id), current.get(station_id)
        if link is not None and link.record_id == (record.pk if record else None):
            continue
        written.append(
            ExternalLink(
                station_id=station_id, system=adapter.name, record=record, checked_at=moment, changed_at=moment
            )
        )
        if run is not None and link is not None:
            changes += _link_change(station_id, link.record, record, run, moment)
    _links_write(adapter, written, list(serials), moment)
    ExternalChange.objects.bulk_create(changes, batch_size=_BATCH)
    return len(changes)


def records_ranked(adapter: Adapter, records: Sequence[ExternalRecord]) -> list[ExternalRecord]:
    """Records of one serial, the current one first."""
    return sorted(records, key=lambda record: (adapter.rank(record.data), record.pk), reverse=True)


def _current_records(adapter: Adapter, serials: dict[int, str]) -> dict[int, ExternalRecord]:
    """The current record of each listed station, by station id."""
    wanted = {station_id: serial_matched(serial) for station_id, serial in serials.items()}
    rows = ExternalRecord.objects.filter(
        system=adapter.name, absent_since=None, match_name__in=set(wanted.values()) - {""}
    )
    by_name: dict[str, list[ExternalRecord]] = defaultdict(list)
    for record in rows:
        by_name[record.match_name].append(record)
    best = {name: records_ranked(adapter, records)[0] for name, records in by_name.items()}
    return {station_id: best[name] for station_id, name in wanted.items() if name in best}


def _link_change(
    station_id: int, before: ExternalRecord | None, after: ExternalRecord | None, run: SyncRun, moment: datetime
) -> list[ExternalChange]:
    record = after or before
    if record is None:
        return []
    return [
        ExternalChange(
            run=run,
            record=record,
            station_id=station_id,
            field=LINK,
            before=before.key if before else None,
            after=after.key if after else None,
            at=moment,
        )
    ]


def _links_write(adapter: Adapter, written: list[ExternalLink], station_ids: list[int], moment: datetime) -> None:
    ExternalLink.objects.bulk_create(
        written,
        batch_size=_BATCH,
        update_conflicts=True,
        unique_fields=["station", "system"],
        update_fields=["record", "checked_at", "changed_at"],
    )
    ExternalLink.objects.filter(system=adapter.name, station_id__in=station_ids).update(checked_at=moment)
