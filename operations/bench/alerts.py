"""Alert rules that people make: the time to judge a whole fleet in which everything changed, and a hundred stations."""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from operations.instance import Instance
from operations.running import health
from operations.services.postgres import DATABASE

#: Stations at full scale; the numbers of rules and of changed stations are the same at any scale.
STATIONS, RULES, CHANGED = 10_000, 20, 100
#: Series per station, each with two rules, and values per series in the hour that changed.
SERIES, VALUES = 10, 12
#: One station in so many is beyond the limits of its rules.
_HOT_EVERY = 100


def alerts_bench(instance: Instance, *, scale: float, rounds: int) -> list[dict[str, Any]]:
    """One run for judging all stations the first time, one for judging them again, and one for a hundred stations."""
    health.domain_load(instance)
    stations = max(round(STATIONS * scale), CHANGED)
    rule_ids = _fleet_make(instance, stations)
    runs: list[dict[str, Any]] = []
    for name, number, times in (
        ("all changed", stations, 1),
        ("all again", stations, rounds),
        ("some", CHANGED, rounds),
    ):
        seconds, opened = [], 0
        for step in range(times):
            _arrive(instance, number, step + len(runs) * rounds + 1)
            began = time.monotonic()
            opened += _look()
            seconds.append(time.monotonic() - began)
        runs.append(
            {
                "look": name,
                "stations": stations,
                "changed": number,
                "rules": len(rule_ids),
                "pairs": number * RULES,
                "seconds": round(statistics.median(seconds), 3),
                "incidents": opened,
            }
        )
    return runs


def _fleet_make(instance: Instance, stations: int) -> list[int]:
    """Make stations with series in one organization, and rules for all of them; return the ids of the rules."""
    from fleet.alerts.models.made import AlertRule  # noqa: PLC0415 - models exist only once Django is loaded
    from fleet.core import clock  # noqa: PLC0415 - as above
    from fleet.organizations.services import organization_create  # noqa: PLC0415 - as above

    organization = organization_create(name="Bench", owner=None)
    moment = clock.now()
    made = AlertRule.objects.bulk_create(
        [
            AlertRule(
                organization=organization, name=f"rule {number}", subject="series", what=f"s{number % SERIES}", unit="V",
                condition="above" if number < SERIES else "below", high=100.0, low=-100.0,
                for_s=0 if number % 2 else 600, judged_from=moment - timedelta(days=2), added_at=moment,
            )
            for number in range(RULES)
        ]
    )  # fmt: skip
    with instance.postgres.connect(DATABASE) as database:
        database.autocommit = True
        database.execute("SET ROLE roost")
        database.execute(
            "INSERT INTO stations_station (organization_id, serial, name, notes, generation, is_in_maintenance, "
            "registered_at) SELECT %s, 'SG-B' || lpad(n::text, 8, '0'), '', '', 0, false, now() "
            "FROM generate_series(1, %s) n",
            (organization.pk, stations),
        )
        database.execute(
            "INSERT INTO stations_stationcontact (station_id, state, health, hello) "
            "SELECT id, 'on_time', '{}', '{}' FROM stations_station"
        )
        database.execute(
            "INSERT INTO telemetry_series (station_id, name, unit, dimension, created_at) "
            "SELECT s.id, 's' || n, 'V', 'V', now() FROM stations_station s, generate_series(0, %s) n",
            (SERIES - 1,),
        )
        database.execute("RESET ROLE")
        database.execute("VACUUM ANALYZE stations_station, stations_stationcontact, telemetry_series")
    return [rule.pk for rule in made]


def _arrive(instance: Instance, stations: int, step: int) -> None:
    """Add readings of the past hour to the first stations, with ingest's notes. Each step is one second later."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    with instance.postgres.connect(DATABASE) as database:
        database.autocommit = True
        database.execute("SET ROLE roost")
        database.execute(
            "INSERT INTO telemetry_reading (series_id, occurred_at, received_at, value, flags) "
            "SELECT x.id, %s::timestamptz + n * interval '4 minutes' + %s * interval '1 second', now(), "
            "CASE WHEN r.place %% %s = 0 THEN 200 ELSE 10 END, 0 "
            "FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM stations_station) r "
            "JOIN telemetry_series x ON x.station_id = r.id, generate_series(1, %s) n WHERE r.place <= %s",
            (hour, step, _HOT_EVERY, VALUES, stations),
        )
        database.execute(
            "UPDATE telemetry_series x SET last_at = %s::timestamptz + %s * interval '4 minutes' + "
            "%s * interval '1 second' FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM stations_station) r "
            "WHERE r.id = x.station_id AND r.place <= %s",
            (hour, VALUES, step, stations),
        )
        database.execute(
            "INSERT INTO alerts_rulenote (series_ids, hours) SELECT array_agg(x.id), array_agg(%s::int) "
            "FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM stations_station) r "
            "JOIN telemetry_series x ON x.station_id = r.id WHERE r.place <= %s GROUP BY (r.place / 50)",
            (int((hour - datetime(2000, 1, 1, tzinfo=UTC)) / timedelta(hours=1)), stations),
        )
        database.execute("RESET ROLE")
        database.execute("ANALYZE telemetry_reading")


def _look() -> int:
    """Judge until no note is left; return how many incidents were opened."""
    from fleet.alerts.made.look import rules_look  # noqa: PLC0415 - models exist only once Django is loaded
    from fleet.alerts.models import Incident  # noqa: PLC0415 - as above

    before = Incident.objects.count()
    rules_look(seconds=600)
    return Incident.objects.count() - before
