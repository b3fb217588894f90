"""Planned maintenance: it holds alerts back, and at its end incidents that are still open are told, once."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from fleet.alerts.held_back import maintenance_look
from fleet.alerts.maintenance import moving, services
from fleet.alerts.maintenance.moving import windows_move
from fleet.alerts.maintenance.selectors import window_coming, window_list, window_views
from fleet.alerts.maintenance.services import WindowDraft, window_add, window_delete, window_end, window_preview
from fleet.alerts.models import Incident, Notification
from fleet.alerts.models.maintenance import MaintenanceWindow
from fleet.alerts.selectors import incident_shown, incidents_open
from fleet.alerts.sending.sending import notifications_send
from fleet.alerts.services import silence_sweep
from fleet.alerts.snoozes import snoozes_end
from fleet.core.errors import Conflict, Forbidden, InvalidInput, TooMany
from fleet.core.models import AuditEntry, OutboxMessage, Pulse
from fleet.deployments.models import Deployment, Site
from fleet.organizations.access import viewer_of_server, viewer_of_user
from fleet.stations.contact.sentences import station_shown
from fleet.stations.models import Station, StationContact, StationDay
from fleet.stations.models.sorting import StationGroup

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("listening")]

SERVER = viewer_of_server("test")
MINUTE, HOUR, LONG = timedelta(minutes=1), timedelta(hours=1), timedelta(hours=4)


def now():
    return datetime.now(tz=UTC)


@pytest.fixture
def plan(organization):
    """Plan maintenance in UTC that begins `begins` from now."""

    def make(target, *, begins=timedelta(), lasts=2 * HOUR, reason="new battery", rrule="", zone="UTC"):
        scope = {Station: "station", Site: "site", StationGroup: "group"}[type(target)]
        draft = WindowDraft(
            scope, getattr(target, "serial", getattr(target, "name", "")), (now() + begins).replace(tzinfo=None),
            lasts, reason, rrule, zone,
        )  # fmt: skip
        return window_add(actor=SERVER, organization=organization, draft=draft)

    return make


@pytest.fixture
def later():
    """Let some time pass; ingest keeps working."""
    with time_machine.travel(now(), tick=False) as traveller:

        def pass_by(span):
            traveller.shift(span)
            Pulse.objects.filter(name="ingest").update(beat_at=now())

        yield pass_by


def look_and_send():
    """Run the tasks once; return the result of `maintenance_look`."""
    did = maintenance_look()
    silence_sweep()
    notifications_send(channel="mail")
    return did


def test_a_window_holds_alerts_back_and_what_is_open_at_its_end_is_told_once(smtp, member, make_station, plan, later):
    station = make_station("SG-1", name="Old Cut", heard_ago=LONG)
    plan(station)
    look_and_send()
    incident = Incident.objects.get()
    assert (incident.is_held, incident.held_reason, incident.closed_at) == (True, "new battery", None)
    assert not Notification.objects.exists()
    assert smtp.taken == []
    assert incident.sentence.startswith("Silent since")
    assert "holds the alert back" in incident_shown(incident).held
    later(HOUR)
    look_and_send()
    assert smtp.taken == []
    later(HOUR)
    assert look_and_send() == (1, 1)
    look_and_send()
    [mail] = smtp.taken
    assert mail["Subject"] == "Silent: Old Cut (SG-1)"
    words = " ".join(mail.get_content().split())
    assert "Planned maintenance (“new battery”) held the alert back until" in words
    incident.refresh_from_db()
    assert (incident.is_held, incident.held_until) == (False, now())
    later(HOUR)
    assert look_and_send() == (0, 0)
    assert len(smtp.taken) == 1


def test_programs_hear_of_it_when_people_do(member, make_station, plan, later):
    make_station("SG-1", heard_ago=LONG)
    plan(Station.objects.get())
    look_and_send()
    events = OutboxMessage.objects.filter(routing_key__endswith=".incident_opened")
    assert not events.exists()
    later(2 * HOUR)
    look_and_send()
    assert events.count() == 1


def test_what_is_over_before_the_end_is_remembered_and_told_to_nobody(smtp, member, make_station, plan, hear, later):
    station = make_station("SG-1", heard_ago=LONG)
    plan(station)
    look_and_send()
    hear(station)
    later(2 * HOUR)
    look_and_send()
    assert smtp.taken == []
    incident = Incident.objects.get()
    assert (incident.closed_at is not None, incident.is_held) == (True, True)
    assert "nobody was alerted" in incident_shown(incident).held
    assert not OutboxMessage.objects.filter(routing_key__contains=".incident_").exists()


def test_an_incident_from_before_stays_open_and_is_not_told_again(smtp, member, make_station, plan, later):
    station = make_station("SG-1", heard_ago=LONG)
    look_and_send()
    assert len(smtp.taken) == 1
    plan(station)
    look_and_send()
    later(2 * HOUR)
    look_and_send()
    incident = Incident.objects.get()
    assert (incident.closed_at, incident.is_held, len(smtp.taken)) == (None, False, 1)


def test_a_recovery_in_a_window_is_told_at_its_end_unless_the_silence_returns(
    smtp, member, make_station, plan, hear, later
):
    station = make_station("SG-1", heard_ago=LONG)
    look_and_send()
    plan(station)
    hear(station)
    look_and_send()
    assert smtp.subjects == ["Silent: SG-1"]
    later(HOUR)
    StationContact.objects.filter(station=station).update(silent_after=now() - MINUTE)
    look_and_send()
    incident = Incident.objects.get()
    assert incident.closed_at is None, "it is the same incident as before"
    hear(station)
    later(HOUR + MINUTE)
    look_and_send()
    assert smtp.subjects == ["Silent: SG-1", "Back: SG-1"]


def test_the_station_says_until_when_and_why(make_station, plan, later):
    station = make_station("SG-1", heard_ago=LONG)
    plan(station)
    station = Station.objects.select_related("contact").get()
    shown = station_shown(station, station.contact, now())
    assert shown.state == "maintenance"
    assert shown.lead.startswith("In maintenance until ")
    assert shown.lead.endswith(", because of “new battery”.")
    later(2 * HOUR)
    assert station_shown(station, station.contact, now()).state == "silent", "even before the next run of the tasks"
    look_and_send()
    station.refresh_from_db()
    assert (station.window_until, station.window_reason) == (None, "")


def test_it_opens_and_closes_at_its_moments_and_comes_again(organization, make_station, plan, later):
    station = make_station("SG-1")
    first = (now() + HOUR).replace(second=0, microsecond=0)
    window = plan(station, begins=HOUR, rrule="FREQ=DAILY")
    assert (window.is_open, window.opens_at, window.due_at) == (False, first, first)
    later(first - now() - timedelta(seconds=1))
    assert windows_move(moment=now()) == 0
    later(timedelta(seconds=1))
    assert windows_move(moment=now()) == 1
    station.refresh_from_db()
    assert station.window_until == first + 2 * HOUR
    later(2 * HOUR)
    assert windows_move(moment=now()) == 1
    window.refresh_from_db()
    station.refresh_from_db()
    day = timedelta(days=1)
    assert (window.is_open, window.opens_at, window.closes_at) == (False, first + day, first + day + 2 * HOUR)
    assert station.window_until is None
    later(timedelta(days=3) - HOUR)
    windows_move(moment=now())
    window.refresh_from_db()
    assert (window.is_open, window.opens_at) == (True, first + 3 * day), "passed occurrences are left out"


def test_a_window_that_is_over_has_nothing_due(make_station, plan, later):
    plan(make_station("SG-1"))
    later(2 * HOUR)
    windows_move(moment=now())
    window = MaintenanceWindow.objects.get()
    assert (window.is_open, window.opens_at, window.closes_at, window.due_at) == (False, None, None, None)


def test_a_site_and_a_group_have_the_stations_that_are_there_now(
    organization, make_organization, make_station, plan, later
):
    site = Site.objects.create(organization=organization, name="Old Cut")
    group = StationGroup.objects.create(organization=organization, name="North", rule="serial", value="SG-N")
    here, _north, other = make_station("SG-1"), make_station("SG-N1"), make_station("SG-2")
    make_station("SG-N2", of=make_organization("Elsewhere"))
    make_station("SG-N3", retired_at=now())
    Deployment.objects.create(station=here, site=site, period=(now() - HOUR, None))
    plan(site, reason="mast")
    plan(group, lasts=HOUR, reason="firmware")
    assert dict(Station.objects.exclude(window_until=None).values_list("serial", "window_reason")) == {
        "SG-1": "mast",
        "SG-N1": "firmware",
    }
    Deployment.objects.create(station=other, site=site, period=(now(), None))
    Deployment.objects.filter(station=here).update(period=(now() - HOUR, now()))
    later(MINUTE)
    windows_move(moment=now())
    assert set(Station.objects.exclude(window_until=None).values_list("serial", flat=True)) == {"SG-2", "SG-N1"}


def test_of_two_that_are_open_the_one_that_ends_last_counts(smtp, member, make_station, plan, later):
    station = make_station("SG-1", heard_ago=LONG)
    plan(station, lasts=HOUR, reason="short")
    plan(station, lasts=2 * HOUR, reason="long")
    look_and_send()
    later(HOUR)
    look_and_send()
    station.refresh_from_db()
    assert (station.window_reason, smtp.taken) == ("long", [])
    later(HOUR)
    look_and_send()
    assert len(smtp.taken) == 1


def test_one_that_follows_at_once_leaves_no_gap_in_which_it_rings(smtp, member, make_station, plan, later):
    station = make_station("SG-1", heard_ago=LONG)
    plan(station, lasts=HOUR, rrule="FREQ=HOURLY;COUNT=3")
    for _hour in range(3):
        look_and_send()
        assert smtp.taken == []
        later(HOUR)
    look_and_send()
    assert len(smtp.taken) == 1


def test_a_person_ends_it_early_and_it_comes_again(smtp, member, make_station, plan, later, make_member):
    station = make_station("SG-1", heard_ago=LONG)
    window = plan(station, rrule="FREQ=DAILY")
    look_and_send()
    with pytest.raises(Forbidden):
        window_end(actor=viewer_of_user(member), window=window)
    window_end(actor=viewer_of_user(make_member("op@example.org", role="operator", is_alerted=False)), window=window)
    look_and_send()
    assert len(smtp.taken) == 1
    window.refresh_from_db()
    assert (window.is_open, window.opens_at > now()) == (False, True)
    assert window_coming(window, now())[0].opens_at == window.opens_at
    with pytest.raises(Conflict):
        window_end(actor=SERVER, window=window)


def test_deleting_one_that_is_open_ends_it(smtp, member, make_station, plan):
    station = make_station("SG-1", heard_ago=LONG)
    window = plan(station)
    look_and_send()
    window_delete(actor=SERVER, window=window)
    look_and_send()
    assert len(smtp.taken) == 1
    assert list(AuditEntry.objects.filter(action__startswith="maintenance.").values_list("action", flat=True)) == [
        "maintenance.plan",
        "maintenance.delete",
    ]


def test_one_that_goes_with_its_group_ends(smtp, member, organization, make_station, plan):
    make_station("SG-1", heard_ago=LONG)
    group = StationGroup.objects.create(organization=organization, name="All", rule="serial", value="SG-")
    plan(group)
    look_and_send()
    assert smtp.taken == []
    group.delete()
    look_and_send()
    look_and_send()
    assert len(smtp.taken) == 1
    assert Station.objects.get().window_until is None


def test_a_snooze_that_ends_in_it_ends_with_it(smtp, member, make_station, plan, later):
    station = make_station("SG-1", heard_ago=LONG)
    look_and_send()
    Incident.objects.update(acknowledged_at=now(), acknowledged_by_name="ana", snoozed_until=now() + HOUR)
    plan(station)
    look_and_send()
    later(HOUR)
    assert snoozes_end() == 0
    later(HOUR)
    look_and_send()
    assert snoozes_end() == 1


def test_it_is_not_counted_while_it_is_held(organization, member, make_station, plan):
    station = make_station("SG-1", heard_ago=LONG)
    plan(station)
    look_and_send()
    assert incidents_open(viewer=viewer_of_user(member)).number == 0


def test_hours_in_it_count_as_planned_quiet(make_station, plan):
    station = make_station("SG-1")
    window = plan(station, lasts=timedelta(hours=6))
    planned = sum(row.asleep.bit_count() for row in StationDay.objects.filter(station=station))
    assert planned in (4, 5)
    window_delete(actor=SERVER, window=window)
    assert sum(row.asleep.bit_count() for row in StationDay.objects.filter(station=station)) == 0


def test_a_killed_worker_loses_nothing(smtp, member, make_station, plan, later, monkeypatch):
    station = make_station("SG-1", heard_ago=LONG)
    plan(station, begins=MINUTE)
    later(2 * MINUTE)

    def die(**_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(moving, "reach_note", die)
        with pytest.raises(KeyboardInterrupt):
            windows_move(moment=now())
    assert not MaintenanceWindow.objects.get().is_open
    look_and_send()
    assert MaintenanceWindow.objects.get().is_open
    assert (Incident.objects.get().is_held, smtp.taken) == (True, [])
    later(2 * HOUR)
    # The window has closed, and nobody has been told yet.
    assert windows_move(moment=now()) == 1
    assert Incident.objects.get().is_held
    look_and_send()
    assert len(smtp.taken) == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_tell_it_once(smtp, member, make_station, organization, listening, plan):
    for number in range(4):
        plan(make_station(f"SG-{number}", heard_ago=LONG), lasts=HOUR)
    silence_sweep()
    assert Incident.objects.filter(is_held=True).count() == 4
    MaintenanceWindow.objects.update(closes_at=now() - MINUTE, due_at=now() - MINUTE, opens_at=now() - HOUR)
    MaintenanceWindow.objects.update(first_day=now().date() - timedelta(days=1))
    gate, found = threading.Barrier(3), []

    def work():
        try:
            gate.wait(10)
            found.append(maintenance_look())
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    maintenance_look()
    assert sum(moved for moved, _told in found) == 4
    assert not Incident.objects.filter(is_held=True).exists()
    told = Notification.objects.filter(phase="opened").values_list("incidents", flat=True)
    assert sorted(told) == sorted(Incident.objects.values_list("pk", flat=True))


def test_the_queries_of_a_look_do_not_depend_on_the_number_of_stations(organization, make_station, plan, later):
    group = StationGroup.objects.create(organization=organization, name="All", rule="serial", value="SG-")

    def queries():
        window = plan(group, begins=MINUTE, lasts=HOUR)
        later(2 * MINUTE)
        with CaptureQueriesContext(connection) as asked:
            windows_move(moment=now())
        window_delete(actor=SERVER, window=window)
        return len(asked)

    for number in range(3):
        make_station(f"SG-{number}")
    few = queries()
    for number in range(3, 40):
        make_station(f"SG-{number}")
    assert queries() == few


def test_the_look_asks_an_index(make_station, plan):
    plan(make_station("SG-1"), begins=HOUR)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        due = MaintenanceWindow.objects.filter(due_at__lte=now()).order_by("due_at")
        assert "maintenance_due" in due.explain()
    with CaptureQueriesContext(connection) as asked:
        assert windows_move(moment=now()) == 0
    assert len(asked) == 2


def test_only_operators_plan_and_only_for_what_is_theirs(
    organization, make_organization, make_station, member, make_member
):
    make_station("SG-1")
    make_station("SG-9", of=make_organization("Elsewhere"))
    operator = viewer_of_user(make_member("op@example.org", role="operator"))
    start = now().replace(tzinfo=None) + HOUR

    def draft(scope="station", of="sg-1", **changes):
        told = {"starts": start, "duration": HOUR, "reason": "work", **changes}
        return WindowDraft(scope, of, **told)

    with pytest.raises(Forbidden):
        window_add(actor=viewer_of_user(member), organization=organization, draft=draft())
    for wrong, field in (
        (draft(of="SG-9"), "of"),
        (draft(scope="site"), "of"),
        (draft(scope="group"), "of"),
        (draft(scope="planet"), "scope"),
        (draft(timezone="Mars/Olympus"), "timezone"),
        (draft(duration=timedelta(days=32)), "duration"),
        (draft(duration=timedelta(0)), "duration"),
        (draft(starts=start - timedelta(days=2)), "starts"),
        (draft(starts=start + timedelta(days=4000)), "starts"),
        (draft(reason=" "), "reason"),
        (draft(rrule="FREQ=SECONDLY"), "rrule"),
    ):
        with pytest.raises(InvalidInput) as refused:
            window_preview(actor=operator, organization=organization, draft=wrong)
        assert refused.value.field == field, wrong
    found = window_preview(actor=operator, organization=organization, draft=draft(rrule="FREQ=DAILY"))
    assert (len(found.coming), found.stations, MaintenanceWindow.objects.count()) == (3, 1, 0)
    saved = window_add(actor=operator, organization=organization, draft=draft())
    assert (saved.station.serial, saved.added_by_name) == ("SG-1", operator.name)


def test_an_organization_plans_only_so_many(organization, make_station, plan, monkeypatch):
    station = make_station("SG-1")
    monkeypatch.setattr(services, "WINDOWS_MOST", 2)
    plan(station)
    plan(station, begins=HOUR)
    with pytest.raises(TooMany):
        plan(station)


def test_the_clock_is_that_of_the_place(organization, make_station):
    station = make_station("SG-1")
    site = Site.objects.create(organization=organization, name="Old Cut", timezone="America/Toronto")
    Deployment.objects.create(station=station, site=site, period=(now() - HOUR, None))
    day = (now() + timedelta(days=3)).replace(hour=2, minute=30, second=0, microsecond=0, tzinfo=None)
    for scope, of in (("station", "SG-1"), ("site", "Old Cut")):
        draft = WindowDraft(scope, of, day, HOUR, "work")
        assert window_add(actor=SERVER, organization=organization, draft=draft).timezone == "America/Toronto"


def test_a_station_that_went_elsewhere_leaves_it_behind(organization, make_organization, make_station, plan):
    station = make_station("SG-1")
    window = plan(station)
    Station.objects.filter(pk=station.pk).update(organization=make_organization("Elsewhere"))
    assert not window_list(viewer=SERVER).exists()
    [view] = window_views([window], now())
    assert view.stations == 0
