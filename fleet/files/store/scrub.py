"""Upkeep of the store: re-reading contents to find rot, removing contents without a file, setting strays aside."""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Sum

from fleet.core.locks import session_lock
from fleet.files.store.away import StoreAway
from fleet.files.store.contents import (
    FOLDER,
    content_digest,
    content_remove,
    contents_place,
    contents_storage,
)
from fleet.files.store.models import StoredContent, Upload
from fleet.files.store.parts import part_remove, parts_list
from fleet.files.store.strays import HASH, stray_keep, strays_expire

#: Every content is read again after this time, in hourly shares of at least this many bytes.
ROUND, SHARE_LEAST = timedelta(days=30), 256_000_000
_RUNS = int(ROUND / timedelta(hours=1))
#: Younger bytes without a row are left alone, because their row may still be coming.
STRAY_AFTER = timedelta(days=1)
_ROWS_MOST = 10_000
_RECOUNT = """
INSERT INTO files_storeaccount (organization_id, octets, files)
SELECT o.id, coalesce(had.octets, 0), coalesce(named.files, 0) FROM organizations_organization o
LEFT JOIN (
    SELECT organization_id, sum(octets) AS octets FROM (
        SELECT DISTINCT s.organization_id, c.id, c.octets FROM files_filerevision r
        JOIN files_storedfile f ON f.id = r.file_id
        JOIN stations_station s ON s.id = f.station_id
        JOIN files_storedcontent c ON c.id = r.content_id
    ) AS each GROUP BY 1
) AS had ON had.organization_id = o.id
LEFT JOIN (
    SELECT s.organization_id, count(*) AS files FROM files_storedfile f
    JOIN stations_station s ON s.id = f.station_id GROUP BY 1
) AS named ON named.organization_id = o.id
ON CONFLICT (organization_id) DO UPDATE SET octets = excluded.octets, files = excluded.files
"""

_log = logging.getLogger(__name__)


def contents_scrub(*, moment: datetime) -> int:
    """Read a share of the contents and compare them with their SHA-256; return how many were read.

    Raises `StoreAway`; the next call begins with the content that could not be read.
    """
    read = 0
    with session_lock("roost.files.scrub") as is_ours:
        if not is_ours:
            return 0
        total = StoredContent.objects.aggregate(total=Sum("octets"))["total"] or 0
        left = max(total // _RUNS, SHARE_LEAST)
        due = StoredContent.objects.filter(checked_at__lte=moment - ROUND).exclude(state=StoredContent.State.STRAY)
        due = due.order_by("checked_at", "id")
        for content in due[:_ROWS_MOST].iterator(chunk_size=500):
            if left <= 0:
                break
            _check(content, moment)
            left -= content.octets
            read += 1
    return read


def contents_rotten() -> list[StoredContent]:
    """Contents whose bytes are missing or no longer match their SHA-256."""
    return list(StoredContent.objects.filter(state=StoredContent.State.ROTTEN).order_by("id")[:_ROWS_MOST])


def store_sweep(*, moment: datetime) -> int:
    """Remove contents, strays and parts that nothing needs any more, and recount what organizations use.

    Returns how many were removed. Bytes without a row are set aside as strays, and removed much later. Contents in an
    object store that is away wait for the next call.
    """
    removed = strays_expire(moment=moment)
    away: set[str] = set()
    unneeded = StoredContent.objects.filter(revisions=None).exclude(state=StoredContent.State.STRAY)
    for content in unneeded.order_by("id")[:_ROWS_MOST]:
        if content.place in away:
            continue
        try:
            removed += content_remove(content) > 0 or content.octets == 0
        except StoreAway as error:
            _log.error("Contents that no file has are not removed yet: %s", error)
            away.add(content.place)
    for place in {StoredContent.Place.DISK, contents_place()} - away:
        try:
            _sweep_storage(place, moment)
        except StoreAway as error:
            _log.error("Bytes that no row has are not looked for yet: %s", error)
    removed += _sweep_parts(moment)
    with connection.cursor() as cursor:
        cursor.execute(_RECOUNT)
    return removed


def _check(content: StoredContent, moment: datetime) -> None:
    found = content_digest(content)
    is_sound = found == content.sha256
    state = StoredContent.State.KEPT if is_sound else StoredContent.State.ROTTEN
    # If it was stored again while we read it, our reading says nothing about the new copy.
    as_read = {"state": content.state, "checked_at": content.checked_at, "place": content.place}
    is_same = StoredContent.objects.filter(pk=content.pk, **as_read).update(state=state, checked_at=moment)
    if is_same and not is_sound:
        _log.error("The stored content %s is %s", content.sha256, f"now {found}" if found else "missing or unreadable")


def _sweep_storage(place: str, moment: datetime) -> None:
    """Set stored bytes without a row aside, in one of sixteen parts of the store at a time."""
    digit = f"{int(moment.timestamp() / 21_600) % 16:x}"
    storage = contents_storage(place)
    for folder in _folders(storage):
        if not folder.startswith(digit):
            continue
        names = storage.listdir(f"{FOLDER}/{folder}")[1]
        rows = StoredContent.objects.filter(sha256__startswith=folder, place=place)
        known = set(rows.values_list("sha256", flat=True))
        unknown = sorted(set(names) - known)
        for name in unknown:
            if HASH.fullmatch(name):
                stray_keep(storage=storage, place=place, sha256=name, before=moment - STRAY_AFTER)
        if others := [name for name in unknown if not HASH.fullmatch(name)]:
            _log.warning("Left alone in %s/%s, as their names are not ours: %s", FOLDER, folder, others[:5])
    if place == StoredContent.Place.OBJECTS:
        storage.parts_abort(before=moment - STRAY_AFTER)


def _folders(storage: Any) -> list[str]:
    try:
        return sorted(storage.listdir(FOLDER)[0])
    except FileNotFoundError:
        # Nothing was ever stored.
        return []


def _sweep_parts(moment: datetime) -> int:
    """Remove old parts without an upload, as of a deleted station; return how many."""
    old = parts_list(before=moment - STRAY_AFTER)
    gone = set(old) - set(Upload.objects.filter(pk__in=old).values_list("pk", flat=True))
    for upload_id in gone:
        part_remove(upload_id)
    return len(gone)
