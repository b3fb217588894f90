"""Lists of a million stored files and a card of 100,000, written straight to the database, for `bench files`."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from fleet.core import clock
from fleet.files.models import StoreAccount
from fleet.files.store.models import FileRevision, StoredFile
from fleet.holdings.models import FetchPolicy
from fleet.holdings.summing import sums_count
from fleet.organizations.models import Organization
from fleet.stations.models import Station
from operations.bench.pages import page_measure
from operations.instance import Instance
from operations.preparation import ADMIN
from operations.services.postgres import DATABASE
from web.asgi import settle

#: Number of stations with stored files, and number of files that the first of them holds and has reported on.
STATIONS, HELD = 20, 100_000
SMALL = "few"
_NAME = (
    "to_char(timestamp '2018-01-01' + n * interval '1 hour', 'YYYY-MM-DD') || '/bench-7F5ERPI46977-' || "
    "lpad((n % 999999)::text, 6, '0') || to_char(timestamp '2018-01-01' + n * interval '1 hour', "
    "'-YYYY-MM-DD\"T\"HH24-MI-SS') || '.0000Z-all.txt.gz'"
)


def lists_measure(instance: Instance, *, files: int, requests: int) -> list[dict[str, Any]]:
    """One run per list, requested by the administrator."""
    serials = _fill(files)
    _settled(instance)
    sums_count(moment=clock.now())
    settle()
    client = Client(headers={"host": "localhost", "accept-encoding": "gzip"})
    client.force_login(User.objects.get(username=ADMIN))
    found = FileRevision.objects.select_related("content", "file").get(file__path__startswith="rare-needle")
    middle = StoredFile.objects.filter(station__serial=serials[0]).order_by("path")[files // STATIONS // 2].path
    organization, station = "/organizations/bench/files/", f"/stations/{serials[0]}/files/"
    newest = FileRevision.objects.order_by("-pk").values_list("pk", flat=True)[files // 2]
    # Lists at their beginning, in the middle, and with searches that find many files, few and none.
    lists = {
        "organization": organization,
        "organization, half of them on": f"{organization}?before={newest}",
        "organization, a day": f"{organization}?q=2018-02",
        "organization, one file": f"{organization}?q=needle",
        "organization, no file": f"{organization}?q=nothing",
        "organization, a hash": f"{organization}?q={found.content.sha256[:12]}",
        "organization, a station": f"{organization}?station={serials[1]}",
        "organization with few files": f"/organizations/{SMALL}/files/",
        "station, stored": f"{station}stored/",
        "station, stored, half of them on": f'{station}stored/?after=["{middle}",1]',
        "station, stored, one file": f"{station}stored/?q=needle",
        "station, stored, no file": f"{station}stored/?q=nothing",
        "station, held": f"{station}held/",
        **{f"station, held, {state}": f"{station}held/?state={state}" for state in ("stored", "wanted", "refused")},
        "station, held, no file": f"{station}held/?q=nothing",
        "station, accounts": station,
        "station, accounts, no file": f"{station}?q=nothing",
        "API: held files": f"/api/v1/stations/{serials[0]}/held-files",
        "API: holding": f"/api/v1/stations/{serials[0]}/holding",
    }
    return [_run(client, name, address, requests) for name, address in lists.items()]


def _run(client: Client, name: str, address: str, requests: int) -> dict[str, Any]:
    measured = page_measure(client, name, lambda _serial: address, [""], requests=requests)
    return {
        "part": "list",
        "figure": f"{name}: p95 in ms",
        "value": measured["p95_ms"],
        "target": "< 150",
        "queries": measured["queries"],
        "median_ms": measured["median_ms"],
        "kilobytes": measured["kilobytes"],
    }


def _fill(files: int) -> list[str]:
    """Store `files` files of one organization's stations, and a few of another's; return the serials."""
    moment = clock.now()
    few = Organization.objects.create(name="Few", slug=SMALL, created_at=moment)
    bench = Organization.objects.get(slug="bench")
    stations = Station.objects.bulk_create(
        Station(
            organization=few if number == STATIONS else bench,
            serial=f"SG-FILES{number:03d}",
            generation=1,
            registered_at=moment,
        )
        for number in range(STATIONS + 1)
    )
    _store([stations[-1].pk], 100)
    _store([station.pk for station in stations[:-1]], files)
    StoredFile.objects.filter(pk=StoredFile.objects.order_by("-pk").values("pk")[:1]).update(path="rare-needle.txt")
    for organization, stored in ((few, 100), (bench, files)):
        StoreAccount.objects.update_or_create(organization=organization, defaults={"files": stored, "octets": stored})
    _hold(stations[0])
    return [station.serial for station in stations]


def _store(station_ids: list[int], files: int) -> None:
    """Store files with one content and one revision each, spread evenly over the stations."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH made AS (INSERT INTO files_storedcontent (sha256, octets, place, state, stored_at, checked_at) "  # noqa: S608 - constants
            "SELECT encode(sha256((%s || ' ' || n)::bytea), 'hex'), 40000, 'default', 'kept', now(), now() "
            "FROM generate_series(1, %s) n RETURNING id), "
            "contents AS (SELECT id, row_number() OVER (ORDER BY id) AS place FROM made), "
            f"named AS (INSERT INTO files_storedfile (station_id, path) SELECT (%s::bigint[])[1 + n %% %s], "
            f"{_NAME.replace('%', '%%')} FROM generate_series(1, %s) n RETURNING id), "
            "files AS (SELECT id, row_number() OVER (ORDER BY id) AS place FROM named) "
            "INSERT INTO files_filerevision (file_id, number, content_id, modified_at, first_met_at, last_met_at, "
            "grown, sent_by) SELECT f.id, 1, c.id, now(), now(), now(), 0, 'bench' FROM files f JOIN contents c "
            "ON c.place = f.place ORDER BY f.place",
            [str(station_ids[0]), files, station_ids, len(station_ids), files],
        )


def _hold(station: Station) -> None:
    """Give the station a card of `HELD` files: every other one is a stored file, while there are enough of these."""
    moment = clock.now()
    FetchPolicy.objects.create(station=station, mode=FetchPolicy.Mode.ALL, changed_at=moment, changed_by_name="bench")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO holdings_heldfile (station_id, path, octets, sha256, lines, is_gone, said_at, said_stream, "
            'said_seq, listing, first_told_at, wanted_by_name, "end", end_reason, octets_sent, ended_at) '
            "SELECT %s, coalesce(s.path, 'held/' || n || '.txt'), 40000, "
            "coalesce(s.sha256, encode(sha256(('held ' || n)::bytea), 'hex')), '{\"pulse\": 7}', false, now(), 's', 1, "
            "1, now(), '', CASE WHEN s.path IS NULL AND n %% 1000 = 1 THEN 'refused' ELSE '' END, '', 0, "
            "CASE WHEN n %% 1000 = 1 THEN now() END FROM generate_series(1, %s) n LEFT JOIN (SELECT f.path, c.sha256, "
            "row_number() OVER (ORDER BY f.id) * 2 AS place FROM files_storedfile f JOIN files_filerevision r "
            "ON r.file_id = f.id JOIN files_storedcontent c ON c.id = r.content_id WHERE f.station_id = %s) s "
            "ON s.place = n",
            [station.pk, HELD, station.pk],
        )
        cursor.execute(
            "INSERT INTO holdings_stationholding (station_id, said_at, said_stream, said_seq, received_at, held, "
            "held_octets, waiting, waiting_octets, left, network, refused, refused_listing) "
            "VALUES (%s, now(), 's', 1, now(), %s, 1, 0, 0, '{}', '', 0, 0)".replace("left,", '"left",'),
            [station.pk, HELD],
        )
        cursor.execute(
            "INSERT INTO files_stationfile (station_id, name, base, rows, first_received_at, last_received_at, state, "  # noqa: S608 - constants
            f"said_at) SELECT %s, {_NAME.replace('%', '%%')}, 'base', 7, now(), now() - n * interval '1 second', 'done', "
            "now() FROM generate_series(1, %s) n",
            [station.pk, HELD],
        )


def _settled(instance: Instance) -> None:
    """Update statistics and write everything to disk, so that the fill does not disturb the measurements."""
    with instance.postgres.connect(DATABASE) as connection:
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
