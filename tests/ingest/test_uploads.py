"""A desk's uploads are stored as the station's, but never count as contact from the station."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from fleet.core.models import AuditEntry
from fleet.ingest.delivery import Delivery
from fleet.ingest.models import QuarantinedMessage
from fleet.stations.logins.suspension import floods_suspend
from fleet.stations.models import Credential, DeskQuota, StationContact
from fleet.telemetry.models import Detection, StreamLedger

pytestmark = pytest.mark.django_db

NOW = time.time()
PULSES = {"what": "pulse", "port": 3, "bt": 1639614325, "t": [0.5266, 0.5486], "line": [2], "freq": [1.0, 2.0]}
HEALTH = {"at": NOW, "next_in": 3600.0, "backlog": {"messages": 7, "bytes": 70}}


@pytest.fixture
def uploaded(delivery):
    def make(serial, kind, body, **more):
        message = delivery(serial, kind, body, **more)
        return Delivery(f"up.{serial}", kind, {"user_id": f"up.{serial}.2", **message.properties}, message.body)

    return make


@pytest.fixture
def silent(station):
    long_ago = datetime.now(tz=UTC) - timedelta(days=3)
    return StationContact.objects.create(
        station=station,
        state="silent",
        first_contact_at=long_ago,
        last_contact_at=long_ago,
        late_after=long_ago + timedelta(hours=2),
        silent_after=long_ago + timedelta(hours=4),
        backlog_messages=12,
    )


def told(contact):
    contact.refresh_from_db()
    return contact.state, contact.last_contact_at, contact.silent_after, contact.backlog_messages


def test_a_card_read_at_a_desk_is_stored_and_the_station_stays_silent(pipeline, station, silent, uploaded):
    before = told(silent)
    message = uploaded(station.serial, "detections", PULSES, stream="f1-0a", seq=1, oldest=1, next_seq=2)
    outcome = pipeline.take([message, message])
    assert (outcome.stored, outcome.repeats, outcome.quarantined) == (1, 1, 0)
    assert Detection.objects.filter(station=station).count() == 2
    assert told(silent) == before
    assert StreamLedger.objects.get(station=station).messages == 1


def test_leaving_the_login_out_does_not_help_a_desk_to_be_taken_for_the_station(pipeline, station, silent, uploaded):
    before = told(silent)
    message = uploaded(station.serial, "detections", PULSES, stream="plain", seq=1, oldest=1, next_seq=2)
    del message.properties["user_id"]
    assert pipeline.take([message]).stored == 1
    assert told(silent) == before


def test_a_file_replayed_with_the_station_s_own_login_is_no_contact_either(pipeline, station, silent, delivery):
    before = told(silent)
    pipeline.take([delivery(station.serial, "detections", PULSES, stream="f1-0a", seq=1, oldest=1, next_seq=2)])
    assert told(silent) == before


def test_what_only_the_station_can_say_is_refused_from_a_desk_with_the_reason(pipeline, station, silent, uploaded):
    before = told(silent)
    hello = {"at": NOW, "card_key": "other", "hardware": {"address": "192.0.2.1"}}
    messages = [
        uploaded(station.serial, "health", HEALTH, stream="plain", seq=1),
        uploaded(station.serial, "hello", hello, stream="plain", seq=2),
        uploaded(station.serial, "command_status", {"id": "x", "state": "succeeded"}, stream="plain", seq=3),
    ]
    outcome = pipeline.take(messages)
    assert (outcome.stored, outcome.quarantined) == (0, 3)
    reasons = QuarantinedMessage.objects.filter(station=station).order_by("pk").values_list("reason", flat=True)
    assert set(reasons[:2]) == {"not-by-upload"}
    assert told(silent) == before
    silent.refresh_from_db()
    assert (silent.health, silent.hello, silent.address) == ({}, {}, None)


def test_the_station_speaks_while_its_card_is_read_and_counts_as_heard(pipeline, station, silent, uploaded, delivery):
    outcome = pipeline.take(
        [
            uploaded(station.serial, "detections", PULSES, stream="f1-0a", seq=1, oldest=1, next_seq=2),
            delivery(station.serial, "health", HEALTH, stream="live", seq=5, oldest=1, next_seq=6),
        ]
    )
    assert outcome.stored == 2
    silent.refresh_from_db()
    assert (silent.state, silent.announced_interval_s) == ("on_time", 3600.0)
    assert silent.backlog_messages == 7


def test_a_desk_that_says_another_station_s_login_is_refused(pipeline, station, make_station, uploaded):
    other = make_station()
    message = uploaded(station.serial, "detections", PULSES, stream="f1-0a", seq=1)
    message.properties["user_id"] = f"up.{other.serial}.1"
    assert pipeline.take([message]).quarantined == 1
    assert QuarantinedMessage.objects.get().reason == "wrong-sender"


def test_a_first_upload_of_a_station_never_heard_leaves_it_never_seen(pipeline, station, uploaded):
    pipeline.take([uploaded(station.serial, "detections", PULSES, stream="f1-0a", seq=1)])
    contact = StationContact.objects.get(station=station)
    assert (contact.state, contact.first_contact_at, contact.late_after) == ("never_seen", None, None)
    assert (contact.quota_at, DeskQuota.objects.get().at is None) == (None, False)


def test_a_season_s_card_leaves_the_quota_of_the_station_in_the_field_alone(
    pipeline, station, uploaded, delivery, settings
):
    settings.ROOST_QUOTA_MESSAGES_PER_S, settings.ROOST_QUOTA_BURST = 1.0, 3.0
    card = [
        uploaded(station.serial, "detections", {**PULSES, "bt": 1639614325 + 10 * n}, stream="f1-0a", seq=n + 1)
        for n in range(40)
    ]
    outcome = pipeline.take(card)
    assert (outcome.stored, outcome.quarantined) == (30, 10)
    assert outcome.over_quota == {f"up.{station.serial}"}
    live = [delivery(station.serial, "health", {"at": NOW + n}, stream="live", seq=n + 1) for n in range(3)]
    outcome = pipeline.take(live)
    assert (outcome.stored, outcome.quarantined, outcome.over_quota) == (3, 0, set())
    contact = StationContact.objects.get(station=station)
    assert (contact.flooding_since, contact.quota_excess) == (None, 0.0)
    assert DeskQuota.objects.get(station=station).excess > 0
    again = pipeline.take([*live, *live])
    assert (again.repeats, again.quarantined) == (3, 3), "and its own quota is separate"


def test_a_desk_that_floods_loses_its_login_and_the_station_keeps_its_own(pipeline, station, uploaded, settings):
    settings.ROOST_QUOTA_MESSAGES_PER_S, settings.ROOST_QUOTA_BURST = 0.01, 1.0
    moment = datetime.now(tz=UTC)
    for number, (purpose, name) in enumerate((("station", "st"), ("upload", "up")), start=1):
        Credential.objects.create(
            station=station, generation=number, username=f"{name}.{station.serial}.{number}", issued_at=moment,
            purpose=purpose,
        )  # fmt: skip
    card = [
        uploaded(station.serial, "detections", {**PULSES, "bt": 1639614325 + 10 * n}, stream="f1-0a", seq=n + 1)
        for n in range(200)
    ]
    pipeline.take(card)
    DeskQuota.objects.filter(station=station).update(flooding_since=moment - timedelta(minutes=5))
    assert floods_suspend() == 1
    station.refresh_from_db()
    assert station.suspended_at is None
    assert list(Credential.objects.filter(revoked_at=None).values_list("purpose", flat=True)) == ["station"]
    assert AuditEntry.objects.get(action="station.revoke").detail == {"purpose": "upload", "reason": "flooding"}
    assert floods_suspend() == 0
