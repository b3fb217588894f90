"""Stations with some data of every kind, each containing an attempt to inject script."""

import uuid
from datetime import timedelta

from people import station_of
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from fleet.commands.models import Command, CommandStep
from fleet.core import clock
from fleet.ingest.models import QuarantinedMessage
from fleet.organizations.models import Organization
from fleet.stations.models import Station, StationContact
from fleet.telemetry.models import Detection, DetectionCount, Position, Reading, Series, StationEvent, StreamLedger

EVIL = "<script>alert(1)</script>"


def busy_make(organization: Organization, rows: int = 5) -> Station:
    station = station_of(organization, state="on_time", name=f"Old Cut {EVIL}", generation=1)
    moment = clock.now()
    StationContact.objects.filter(station=station).update(
        health={
            "at": moment.timestamp(),
            "battery_v": 11.2,
            "disk_percent": 97,
            "gps_state": EVIL,
            "clock": {"code": "P"},
            "radios": [{"port": 3, "type": "funcubeProPlus", "state": "error", "message": EVIL}],
            "warnings": [EVIL],
            "dropped": {"readings": 7},
        },
        health_received_at=moment,
        hello={"agent_version": EVIL},
        backlog_messages=3,
        backlog_bytes=2048,
        clock_offset_s=-7200.0,
    )
    for number in range(rows):
        series_make(station, f"temperature:{number}", moment)
        Detection.objects.create(
            station=station, occurred_at=moment - timedelta(minutes=number), port=1, kind=2, line=number,
            received_at=moment, tag=EVIL, rssi=-70.0,
        )  # fmt: skip
        DetectionCount.objects.create(
            station=station, hour=hour_of(moment) - timedelta(hours=number), port=1, kind=2, count=7
        )
        StationEvent.objects.create(
            station=station, occurred_at=moment, name=EVIL, line=number, received_at=moment, data={"param": EVIL}
        )
        command_make(station, moment - timedelta(minutes=number))
        StreamLedger.objects.create(
            station=station, stream=uuid.uuid4().hex, received=Multirange([Range(1, 5, "[)"), Range(8, 9, "[)")]),
            oldest_seq=5, next_seq=9, first_at=moment, last_at=moment,
        )  # fmt: skip
        message_make(station)
    Position.objects.create(
        station=station, occurred_at=moment, line=1, received_at=moment, latitude=44.26, longitude=-64.25
    )
    return station


def hour_of(moment):
    return moment.replace(minute=0, second=0, microsecond=0)


def series_make(station: Station, name: str, moment, *, count: int = 3, unit: str = "Cel") -> Series:
    series = Series.objects.create(
        station=station, name=name, unit=unit, created_at=moment, last_at=moment, last_value=12.5,
        last_received_at=moment,
    )  # fmt: skip
    Reading.objects.bulk_create(
        Reading(series=series, occurred_at=moment - timedelta(minutes=n), received_at=moment, value=12.5 + n)
        for n in range(count)
    )
    return series


def command_make(station: Station, moment, *, state: str = "sent", name: str = "ping") -> Command:
    command = Command.objects.create(
        station=station, name=name, state=state, issued_at=moment, expires_at=moment + timedelta(hours=1),
        issued_by_name=EVIL, note=EVIL, result={"answer": EVIL}, output=EVIL,
    )  # fmt: skip
    CommandStep.objects.create(command=command, state="queued", occurred_at=moment, received_at=moment, note=EVIL)
    return command


def message_make(station: Station | None, body: bytes = EVIL.encode(), **fields: object) -> QuarantinedMessage:
    values = {
        "exchange": f"in.{station.serial}" if station else "in.nobody",
        "routing_key": "readings",
        "reason": "bad-json",
        "sentence": f"The body is no JSON: {EVIL}",
        "properties": {"content_type": EVIL, "application_headers": {"stream": EVIL}},
        "body": body,
        "body_bytes": len(body),
        "received_at": clock.now(),
    }
    return QuarantinedMessage.objects.create(station=station, **{**values, **fields})
