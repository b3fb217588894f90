"""Twelve stations at Long Point in a busy migration week: a lifelike fleet for pictures."""

import math
import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from browser.account_states import proved
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.test import Client
from people import Role, person
from psycopg.types.multirange import Int8Multirange
from psycopg.types.range import Range

from fleet.alerts.models import Incident
from fleet.commands.models import Command
from fleet.core import clock
from fleet.deployments.models import Antenna, Deployment, Site
from fleet.organizations.models import Organization
from fleet.organizations.people import person_timezone_set
from fleet.organizations.services import organization_create
from fleet.stations.models import Station, StationContact, StationDay, StationNote
from fleet.sync.models import (
    MotusAccount,
    MotusDay,
    MotusDeployment,
    MotusDifference,
    MotusReceiver,
    MotusTag,
    MotusUpload,
)
from fleet.telemetry.models import Detection, DetectionCount, Reading, Series, StationEvent, StreamLedger, TagHour
from fleet.telemetry.rollups import rollups_rebuild

ZONE = "America/Toronto"
#: How far back the readings go, one every twenty minutes.
DAYS = 7
STEP = timedelta(minutes=20)


@dataclass(frozen=True)
class Drawn:
    """One station: its place, how often it reports and when it last did, its battery and its birds."""

    name: str
    site: str
    serial: str
    at: tuple[float, float]
    every_min: int = 5
    ago_min: float = 2.0
    state: str = "on_time"
    volts: float = 13.0
    backlog: int = 0
    detections: int = 6_000
    tags: int = 5
    sleeps: bool = False


FLEET = (
    Drawn("Breakwater", "Long Point, south shore", "SG-8CABRPI41F3D", (42.567, -80.186), 60, 192, "silent", 11.4, 18, 214, 2),
    Drawn("Port Burwell", "Harbour light", "SG-5113BBBK2972", (42.643, -80.806), 30, 56, "late", 12.9, 41, 1_904, 6),
    Drawn("Long Point Tip", "Lighthouse", "SG-FEB9RPI45259", (42.549, -80.049), volts=13.1, detections=356, tags=4),
    Drawn("Turkey Point", "Marina mast", "SG-7DA2RPI4A65F", (42.697, -80.333), ago_min=3, volts=13.3, detections=147_680, tags=1),
    Drawn("Backus Woods", "Backus Woods", "SG-C45BRPI420AD", (42.669, -80.491), ago_min=4, volts=12.8, detections=8_887, tags=7),
    Drawn("Big Creek", "Big Creek marsh", "SG-2E07RPI4C1B8", (42.596, -80.457), ago_min=1, volts=13.2, detections=11_901, tags=9),
    Drawn("Bird Studies HQ", "Port Rowan office", "SG-91D4RPI30E6A", (42.628, -80.452), 1, 0.3, volts=13.6, detections=13_417, tags=12),
    Drawn("Clear Creek", "Clear Creek bluff", "SG-B3F8RPI47D20", (42.577, -80.594), 30, 12, volts=12.7, backlog=6, detections=4_369),
    Drawn("Hawk Cliff", "Hawk Cliff", "SG-6A19BBBK03C5", (42.662, -81.158), 60, 420, volts=12.6, detections=2_240, tags=3, sleeps=True),
    Drawn("Old Cut", "Banding lab roof", "SG-A3E8RPI458BC", (42.583, -80.398), ago_min=3, volts=13.2, detections=12_093, tags=14),
    Drawn("Port Dover", "Pier light", "SG-0C7ERPI4F914", (42.781, -80.203), ago_min=1, volts=13.0, detections=9_400, tags=4),
    Drawn("Selkirk", "Selkirk park", "SG-D52BRPI4836E", (42.825, -79.956), ago_min=4, volts=12.9, detections=6_210, tags=3),
)  # fmt: skip


@dataclass
class LongPoint:
    """The organization, its owner with a session, and the values for the addresses of its pages."""

    organization: Organization
    owner: User
    client: Client
    values: dict[str, str]
    #: The moment for which the times of contact are right.
    as_of: datetime


def long_point_make() -> LongPoint:
    """Write the fleet as ingest and the sweeps would leave it."""
    chance = random.Random(20_251_014)
    organization = organization_create(name="Long Point Bird Observatory", owner=None)
    Organization.objects.filter(pk=organization.pk).update(timezone=ZONE)
    owner = person("anna", (organization, Role.OWNER))
    person("tom", (organization, Role.OPERATOR))
    person_timezone_set(user=owner, name=ZONE)
    made = [_station_make(organization, drawn, chance) for drawn in FLEET]
    _rollups_make()
    values = {
        "slug": organization.slug,
        "organization_id": str(organization.pk),
        "username": "tom",
        **_incidents_make(organization, {station.name: station for station, _deployment in made}),
        **_work_make(made[0][0]),
        "serial": made[0][0].serial,
        "site_id": str(made[0][1].site_id),
        "deployment_id": str(made[0][1].pk),
        "name": "reboot",
        **_motus_make(organization, [station for station, _deployment in made]),
    }
    return LongPoint(organization, owner, proved(owner), values, clock.now())


def _motus_make(organization: Organization, stations: list[Station]) -> dict[str, str]:
    """A login at Motus, some differences, and a week of uploads of the first station."""
    now = clock.now()
    account = MotusAccount.objects.create(
        organization=organization, login="roost-longpoint", projects={"1": "Motus Ontario Array"}, checked_at=now,
        answer="Motus accepts the login. Its projects: 1 Motus Ontario Array.", read_tried_at=now, read_at=now,
        read_answer="12 deployments read.", files_found_at=now, files_answer="2 days with new files found.",
        tags_answer="8 tags read.", tags_read_at=now,
    )  # fmt: skip
    MotusDeployment.objects.create(
        account=account, number=3820, project_id=1, serial=stations[0].serial, match_name=stations[0].serial,
        name="Breakwater_2026", status="active", latitude=42.567, longitude=-80.186, starts_at=now - timedelta(days=90),
        antennas=[{"port": 1, "type": "yagi-9", "bearing_deg": 330.0, "height_m": 9.0, "frequency_mhz": 150.1}],
    )  # fmt: skip
    codes = TagHour.objects.filter(station__in=stations).values_list("tag", flat=True).distinct().order_by("tag")
    MotusTag.objects.bulk_create(
        MotusTag(
            account=account, number=40_000 + number, project_id=1, code=code, match_name=code.upper(),
            name=f"Swainson's Thrush #{40_000 + number}",
        )
        for number, code in enumerate(codes[:8])
    )  # fmt: skip
    differences = [
        MotusDifference.objects.create(
            station=station, kind=kind, port=port, ours=ours, theirs=theirs, found_at=now - timedelta(hours=5)
        )
        for station, kind, port, ours, theirs in (
            (stations[0], "frequency", 1, "166.38", "150.1"),
            (stations[2], "port", 3, "yagi-5", ""),
            (stations[4], "place", None, "42.66900, -80.49100", "42.65100, -80.49100"),
            (stations[8], "unknown_there", None, "Hawk Cliff", ""),
        )
    ]
    outcomes = (
        ("found", ""), ("held", "Motus has no deployment of this receiver on that day: enter it there first."),
        ("queued", "The connection to Motus broke."), ("sent", "Motus is processing it (job 11412768)."),
        ("data", "Motus has processed it (job 11412767)."), ("known", "The same archive was sent before."),
    )  # fmt: skip
    uploads = [
        MotusUpload.objects.create(
            account=account, serial=stations[0].serial, day=(now - timedelta(days=ago)).date(), state=state,
            sentence=sentence, found_at=now, project_id=1, octets=181_000, job_id=11_412_766 if state == "data" else None,
            files=[
                {
                    "name": f"bw-8CABRPI41F3D-000041-2026-05-20T{hour:02d}-00-01.1234P-all.txt.gz", "size": 6_000 + hour,
                    "refusal": "It is empty." if hour == 23 else "", "said": "",
                }
                for hour in range(20, 24)
            ],
        )
        for ago, (state, sentence) in enumerate(outcomes, start=1)
    ]  # fmt: skip
    receiver = MotusReceiver.objects.create(
        account=account, serial=stations[0].serial, checked_at=now, tried_at=now,
        answer="6 days compared with Motus. Days with something missing at Motus: 1.", other_days=2, other_files=31,
        other_last=(now - timedelta(days=9)).date(),
    )  # fmt: skip
    MotusDay.objects.bulk_create(
        MotusDay(
            receiver=receiver, day=(now - timedelta(days=ago)).date(), ours=4, theirs=4 - missing, checked_at=now,
            missing_there=["bw-8CABRPI41F3D-000041-2026-05-20T22-00-01.1234P-all.txt"][:missing],
            n_missing_there=missing, lacking_since=now if missing else None, runs=runs, runs_before=before,
            runs_changed_at=now if before else None,
        )
        for ago, (missing, runs, before) in enumerate([(0, None, None), (1, 12, None), (0, 0, None), (0, 9, 31)], start=1)
    )  # fmt: skip
    return {
        "difference_id": str(differences[0].pk),
        "motus_upload_id": str(uploads[0].pk),
        **({"heard_tag": codes[0]} if codes else {}),
    }


def long_point_refresh(made: LongPoint) -> None:
    """Move the contacts on by the time that has passed, so that no station becomes late while pictures are made."""
    now = clock.now()
    times = ("last_contact_at", "late_after", "silent_after", "health_occurred_at", "health_received_at")
    StationContact.objects.filter(station__organization=made.organization).update(
        **{name: F(name) + (now - made.as_of) for name in times}
    )
    made.as_of = now


def _station_make(organization: Organization, drawn: Drawn, chance: random.Random) -> tuple[Station, Deployment]:
    now = clock.now()
    last = now - timedelta(minutes=drawn.ago_min)
    every = timedelta(minutes=drawn.every_min)
    station = Station.objects.create(
        organization=organization, serial=drawn.serial, name=drawn.name, generation=1,
        registered_at=now - timedelta(days=400), asleep_until=now + timedelta(hours=3) if drawn.sleeps else None,
    )  # fmt: skip
    StationContact.objects.create(
        station=station, state=drawn.state, first_contact_at=now - timedelta(days=400), last_contact_at=last,
        announced_interval_s=every.total_seconds(), late_after=last + every * 1.5, silent_after=last + every * 3,
        backlog_messages=drawn.backlog, backlog_bytes=drawn.backlog * 900, health=_health(drawn, last),
        health_occurred_at=last, health_received_at=last,
        clock_offset_s=-812_000_000.0 if drawn.name == "Long Point Tip" else 0.1,
        hello={"agent_version": "0.1.0", "hardware": {"model": "Raspberry Pi 4 Model B Rev 1.4"}}, hello_received_at=last,
    )  # fmt: skip
    latitude, longitude = drawn.at
    site = Site.objects.create(
        organization=organization, name=drawn.site, latitude=latitude, longitude=longitude, timezone=ZONE
    )
    deployment = Deployment.objects.create(station=station, site=site, period=Range(now - timedelta(days=61), None))
    Antenna.objects.bulk_create(
        Antenna(
            deployment=deployment, port=port, type="Yagi 6", bearing_deg=bearing, height_m=9.0, frequency_mhz=166.38
        )
        for port, bearing in ((1, 20.0), (2, 140.0), (3, 260.0))
    )
    _deliveries_make(station, drawn, last)
    _hours_make(station, drawn, last, chance)
    _readings_make(station, drawn, last, chance)
    _birds_make(station, drawn, last, chance)
    return station, deployment


def _deliveries_make(station: Station, drawn: Drawn, last: datetime) -> None:
    """Every number has arrived except those that still wait on the station."""
    sent = drawn.detections // 4 + 2_000
    StreamLedger.objects.create(
        station=station, stream=f"{station.serial.lower()}-1", received=Int8Multirange([Range(1, sent)]), oldest_seq=sent,
        next_seq=sent + drawn.backlog, messages=sent - 1, repeats=drawn.backlog // 3, first_at=last - timedelta(days=61),
        last_at=last,
    )  # fmt: skip


def _health(drawn: Drawn, last: datetime) -> dict[str, object]:
    is_lost, is_deaf = drawn.name == "Long Point Tip", drawn.name == "Turkey Point"
    return {
        "at": last.timestamp(), "battery_v": drawn.volts, "disk_percent": 34.0, "temperature_c": 14.5,
        "load": [0.3, 0.2, 0.2], "gps_state": "no fix" if is_lost else "fix",
        "clock": {"code": "P" if is_lost else "S", "source": "none" if is_lost else "GPS"},
        "radios": [
            {"port": port, "type": "FUNcube Dongle Pro+", "state": "stopped" if is_deaf and port == 2 else "running"}
            for port in (1, 2, 3)
        ],
    }  # fmt: skip


def _hours_make(station: Station, drawn: Drawn, last: datetime, chance: random.Random) -> None:
    """Hours that arrived: all until the last contact, a few of them late, with a short gap at one station."""
    days: dict[object, list[int]] = {}
    hour = (last - timedelta(days=DAYS + 1)).replace(minute=0, second=0, microsecond=0)
    while hour <= last:
        bits = days.setdefault(hour.date(), [0, 0, 0])
        is_asleep = drawn.sleeps and not 9 <= (hour.hour + 20) % 24 <= 18
        if is_asleep:
            bits[2] |= 1 << hour.hour
        elif not (drawn.name == "Port Burwell" and (last - hour).days == 2 and hour.hour in (3, 4, 5)):
            bits[0] |= 1 << hour.hour
            bits[1] |= (chance.random() < 0.02) << hour.hour
        hour += timedelta(hours=1)
    StationDay.objects.bulk_create(
        StationDay(station=station, day=day, heard=heard, late=late, asleep=asleep)
        for day, (heard, late, asleep) in days.items()
    )


def _readings_make(station: Station, drawn: Drawn, last: datetime, chance: random.Random) -> None:
    """Readings of battery, temperature and signal: charged by day, but the silent station's battery runs down."""
    drain = 0.22 if drawn.state == "silent" else 0.0
    shapes = {
        "health/battery_v": ("V", lambda day, light: drawn.volts + 0.35 * light + drain * (DAYS - day) - 0.15),
        "health/temperature_c": ("Cel", lambda _day, light: 11.0 + 6.0 * light),
        "health/signal_dbm": ("dBm", lambda day, _light: -84.0 - (3.0 * day if drawn.state == "late" else 0.0)),
    }
    for name, (unit, shape) in shapes.items():
        times = [last - STEP * back for back in range(int(timedelta(days=DAYS) / STEP))]
        values = [
            round(shape(DAYS - (last - at) / timedelta(days=1), _light(at)) + chance.gauss(0, 0.03), 2) for at in times
        ]
        series = Series.objects.create(
            station=station, name=name, unit=unit, created_at=last - timedelta(days=400), last_at=last,
            last_value=values[0], last_received_at=last,
        )  # fmt: skip
        Reading.objects.bulk_create(
            Reading(series=series, occurred_at=at, received_at=at + timedelta(seconds=40), value=value)
            for at, value in zip(times, values, strict=True)
        )


def _rollups_make() -> None:
    """Build the roll-ups by hour and day, as the job does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO telemetry_dirtyhour (series_id, hour, noted_at) SELECT DISTINCT series_id, "
            "date_trunc('hour', occurred_at, 'UTC'), now() - interval '1 day' FROM telemetry_reading"
        )
    rollups_rebuild(settled_s=0.0)


def _light(at: datetime) -> float:
    """Daylight, from -1 at midnight to 1 at local noon."""
    return math.cos((at.hour + at.minute / 60 - 17) / 24 * 2 * math.pi)


def _birds_make(station: Station, drawn: Drawn, last: datetime, chance: random.Random) -> None:
    """Counts per hour of a week, most of them by night; and the single detections of today's last hours."""
    tags = [f"A1.{chance.randint(100, 999)}" for _each in range(drawn.tags)]
    hour = last.replace(minute=0, second=0, microsecond=0)
    counts = []
    for back in range(24 * DAYS):
        at = hour - timedelta(hours=back)
        for port in (1, 2, 3):
            mean = drawn.detections / 24 / 3 * (1.5 - _light(at))
            counts += [
                DetectionCount(station=station, hour=at, port=port, kind=2, count=max(int(chance.gauss(mean, mean / 4)), 0)),
                DetectionCount(station=station, hour=at, port=port, kind=1, count=max(int(chance.gauss(90, 20)), 0)),
            ]  # fmt: skip
    DetectionCount.objects.bulk_create(counts)
    TagHour.objects.bulk_create(
        TagHour(
            station=station, hour=one.hour, port=one.port, tag=tag, count=one.count // len(tags), first_at=one.hour,
            last_at=min(one.hour + timedelta(minutes=59), last), strongest=round(chance.gauss(-58, 4), 1),
        )
        for one in counts if one.kind == Detection.Kind.TAG
        for tag in sorted(set(tags)) if one.count >= len(tags)
    )  # fmt: skip
    Detection.objects.bulk_create(
        Detection(
            station=station, occurred_at=last - timedelta(seconds=40 * line), received_at=last, port=1 + line % 3, kind=2,
            line=line, tag=chance.choice(tags), rssi=round(chance.gauss(-62, 6), 1), freq=round(chance.gauss(3.2, 0.2), 3),
            sig=round(chance.gauss(-48, 5), 1), noise=round(chance.gauss(-72, 2), 1), snr=round(chance.gauss(18, 4), 1),
        )
        for line in range(min(drawn.detections, 900))
    )  # fmt: skip


def _incidents_make(organization: Organization, stations: dict[str, Station]) -> dict[str, str]:
    now = clock.now()
    said = {
        "Breakwater": ("silence", "Silent. The battery was at 11.4 V and falling: check power first.", 3.2),
        "Long Point Tip": ("health_clock", "Its clock says 1 January 2000. Check the GPS antenna.", 7.9),
        "Turkey Point": ("health_radios", "Radio 2 stopped. Replug it or restart the station.", 2.0),
    }
    found = {
        name: Incident.objects.create(
            organization=organization, station=stations[name], rule=rule, sentence=sentence,
            began_at=now - timedelta(hours=hours), opened_at=now - timedelta(hours=hours * 0.6),
        )
        for name, (rule, sentence, hours) in said.items()
    }  # fmt: skip
    for days, lasted_h, rule, end in (
        (23, 31, "silence", "It is back after 31 h. Everything it recorded meanwhile has arrived."),
        (72, 2, "silence", "It is back after 2 h. Everything it recorded meanwhile has arrived."),
    ):
        began = now - timedelta(days=days)
        Incident.objects.create(
            organization=organization, station=stations["Breakwater"], rule=rule, sentence="Silent.",
            closing_sentence=end, began_at=began, opened_at=began + timedelta(hours=1),
            closed_at=began + timedelta(hours=lasted_h),
        )  # fmt: skip
    return {"incident_id": str(found["Breakwater"].pk)}


def _work_make(station: Station) -> dict[str, str]:
    """Acts of people on a station, and its reports."""
    now = clock.now()
    checked = {"disk_percent": 41.0, "memory_percent": 30.0, "clock_is_set": True, "radios": 3, "backlog_messages": 0}
    commands = [
        Command.objects.create(
            station=station, name=name, state=state, issued_at=now - timedelta(hours=hours),
            expires_at=now - timedelta(hours=hours - 24), issued_by_name="tom", output=output, note=note,
            parameters=parameters, result=result,
            closed_at=None if state == "sent" else now - timedelta(hours=hours) + timedelta(seconds=6),
        )
        for name, state, hours, parameters, result, note, output in (
            ("ping", "sent", 1, {}, {}, "", ""),
            ("set_reporting_interval", "succeeded", 27, {"seconds": 3600}, {"seconds": 3600, "seconds_before": 300}, "", ""),
            ("run_diagnostics", "succeeded", 52, {}, checked, "", "3 radios, GPS with 3D fix, 9.1 GB free."),
            ("reboot", "failed", 90, {}, {}, "It did not answer within 15 minutes.", ""),
        )
    ]  # fmt: skip
    note = StationNote.objects.create(
        station=station, at=now - timedelta(hours=1), written_at=now - timedelta(hours=1), written_by_name="tom",
        text="Wind 35 km/h from the south-west, no boat today. I can go tomorrow at first light with the spare 100 Ah.",
    )  # fmt: skip
    StationEvent.objects.bulk_create(
        StationEvent(
            station=station, occurred_at=now - timedelta(hours=4 + hours), received_at=now - timedelta(hours=4 + hours),
            name=name, line=line, data=data,
        )
        for line, (hours, name, data) in enumerate(
            [
                *((back, "clock", {"step": 0.0, "digits": 2}) for back in range(1, 20)),
                (2.5, "setting", {"param": "gain", "value": 12, "error_code": 0, "error": ""}),
                (31, "file_gone", {"file": "breakwater-118.txt", "bytes_unread": 20_480}),
            ]
        )
    )  # fmt: skip
    return {"command_id": str(commands[0].pk), "note_id": str(note.pk)}
