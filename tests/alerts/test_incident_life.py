"""The life of an incident: acknowledged, snoozed, assigned, with notes; each step once, and the right people told."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connections

from fleet.alerts.flaps import SETTLE
from fleet.alerts.handling import (
    SNOOZE_MOST,
    incident_acknowledge,
    incident_assign,
    incident_note_add,
    incident_snooze,
    incident_take_back,
)
from fleet.alerts.models import Destination, Incident, IncidentStep, Notification
from fleet.alerts.selectors import incident_list
from fleet.alerts.sending.sending import notifications_send
from fleet.alerts.services import Opening, incident_close, incidents_open, silence_sweep
from fleet.alerts.snoozes import snoozes_end
from fleet.core.errors import Conflict, Forbidden, InvalidInput
from fleet.core.models import AuditEntry
from fleet.organizations.access import Role, Viewer, viewer_of_user
from fleet.organizations.members import member_remove
from fleet.stations.models import StationContact

pytestmark = pytest.mark.django_db

LONG = timedelta(hours=4)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _ready(smtp, listening):
    """Set up a mail server, and a pulse of ingest."""


@pytest.fixture
def operator(make_member):
    return make_member("op@example.org", role="operator")


@pytest.fixture
def station(operator, member, make_station):
    return make_station("SG-1", heard_ago=LONG)


@pytest.fixture
def incident(station, smtp):
    """A silent station of which both members have been told."""
    silence_sweep()
    send()
    assert sorted(mail["To"] for mail in smtp.taken) == ["ana@example.org", "op@example.org"]
    smtp.taken.clear()
    return Incident.objects.get()


def send():
    while notifications_send(channel="mail"):
        pass


def now():
    return datetime.now(tz=UTC)


def fresh(incident):
    return Incident.objects.get(pk=incident.pk)


def kinds(incident):
    return list(IncidentStep.objects.filter(incident=incident).order_by("pk").values_list("kind", flat=True))


def fall_silent(station):
    StationContact.objects.filter(station=station).update(state="silent", last_contact_at=now(), silent_after=now())
    return incidents_open(openings=[Opening(station, now(), "Silent.")], rule="silence", moment=now())


def at_once(*calls):
    """Make the calls in threads of their own; return what each returned or raised."""
    results, gate = [], threading.Barrier(len(calls))

    def one(call):
        try:
            gate.wait()
            results.append(call())
        except Exception as error:  # noqa: BLE001 - the caller looks at it
            results.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class TestSteps:
    def test_each_step_moves_the_state_and_is_written_down(self, operator, incident):
        actor = viewer_of_user(operator)
        assert incident.state == "open"
        incident_acknowledge(actor=actor, incident=incident)
        assert fresh(incident).state == "acknowledged"
        incident_snooze(actor=actor, incident=incident, until=now() + HOUR)
        assert fresh(incident).state == "snoozed"
        incident_acknowledge(actor=actor, incident=incident)
        assert fresh(incident).state == "acknowledged"
        incident_take_back(actor=actor, incident=incident)
        assert (fresh(incident).state, fresh(incident).acknowledged_by_name) == ("open", "")
        incident_note_add(actor=actor, incident=incident, text="  The mast is down.\r\nBring rope. ")
        assert kinds(incident) == ["acknowledged", "snoozed", "acknowledged", "taken_back", "noted"]
        steps = IncidentStep.objects.filter(incident=incident)
        assert {(step.by, step.by_name) for step in steps} == {(operator, actor.name)}
        assert steps.get(kind="noted").text == "The mast is down.\nBring rope."
        actions = set(
            AuditEntry.objects.filter(organization_id=incident.organization_id).values_list("action", flat=True)
        )
        assert {"incident.acknowledged", "incident.snoozed", "incident.taken_back", "incident.noted"} <= actions

    def test_what_was_done_already_is_refused_with_who_did_it(self, operator, incident, make_member):
        incident_acknowledge(actor=viewer_of_user(operator), incident=incident)
        other = viewer_of_user(make_member("bo@example.org", role="owner"))
        with pytest.raises(Conflict, match=operator.username):
            incident_acknowledge(actor=other, incident=incident)
        incident_take_back(actor=other, incident=incident)
        with pytest.raises(Conflict, match="neither acknowledged nor snoozed"):
            incident_take_back(actor=other, incident=incident)

    def test_one_that_is_over_takes_notes_only(self, operator, station, incident):
        incident_close(station_id=station.pk, rule="silence", moment=now())
        actor = viewer_of_user(operator)
        for act in (
            lambda: incident_acknowledge(actor=actor, incident=incident),
            lambda: incident_snooze(actor=actor, incident=incident, until=None),
            lambda: incident_take_back(actor=actor, incident=incident),
            lambda: incident_assign(actor=actor, incident=incident, username=operator.username),
        ):
            with pytest.raises(Conflict, match="over"):
                act()
        incident_note_add(actor=actor, incident=incident, text="A fox had bitten the cable.")
        assert kinds(incident) == ["noted"]

    @pytest.mark.parametrize("away", [timedelta(0), -HOUR, SNOOZE_MOST + HOUR])
    def test_a_snooze_has_an_end_that_comes(self, operator, incident, away):
        with pytest.raises(InvalidInput):
            incident_snooze(actor=viewer_of_user(operator), incident=incident, until=now() + away)
        assert fresh(incident).state == "open"

    @pytest.mark.parametrize("text", ["", " \n ", "x" * 5_000, "a\u202eb"])
    def test_a_note_that_says_nothing_or_too_much_is_refused(self, operator, incident, text):
        with pytest.raises(InvalidInput):
            incident_note_add(actor=viewer_of_user(operator), incident=incident, text=text)
        assert not kinds(incident)

    def test_only_operators_of_the_organization_or_of_the_station_act(
        self, member, incident, make_member, make_organization, make_station
    ):
        stranger = make_member("x@example.org", role="owner", of=make_organization("Strangers"))
        elsewhere = Viewer(None, "key", {}, station_roles={make_station().pk: Role.OPERATOR})
        reading = Viewer(None, "key", {}, station_roles={incident.station_id: Role.VIEWER})
        for actor in (viewer_of_user(member), viewer_of_user(stranger), elsewhere, reading):
            for act in (
                lambda actor=actor: incident_acknowledge(actor=actor, incident=incident),
                lambda actor=actor: incident_snooze(actor=actor, incident=incident, until=None),
                lambda actor=actor: incident_assign(actor=actor, incident=incident, username=""),
                lambda actor=actor: incident_note_add(actor=actor, incident=incident, text="x"),
                lambda actor=actor: incident_take_back(actor=actor, incident=incident),
            ):
                with pytest.raises(Forbidden):
                    act()
        assert not kinds(incident)
        incident_acknowledge(
            actor=Viewer(None, "key", {}, station_roles={incident.station_id: Role.OPERATOR}), incident=incident
        )
        assert fresh(incident).acknowledged_by_name == "key"

    def test_an_operator_of_the_new_organization_does_not_act_on_what_the_station_left_behind(
        self, incident, station, make_organization, make_member
    ):
        station.organization = make_organization("Others")
        station.save()
        incident = incident_list(viewer=Viewer(None, "x", {}, sees_all=True)).get()
        taker = make_member("new@example.org", role="owner", of=station.organization)
        limited = Viewer(None, "key", {}, station_roles={station.pk: Role.OPERATOR})
        for actor in (viewer_of_user(taker), limited):
            with pytest.raises(Forbidden):
                incident_acknowledge(actor=actor, incident=incident)

    def test_the_list_narrows_by_state_and_assignee(self, operator, member, make_station):
        for n in range(4):
            make_station(f"SG-{n}", heard_ago=LONG)
        silence_sweep()
        actor = viewer_of_user(operator)
        acked, snoozed, changing, _open = Incident.objects.order_by("pk")
        incident_acknowledge(actor=actor, incident=acked)
        incident_snooze(actor=actor, incident=snoozed, until=now() + HOUR)
        incident_snooze(actor=actor, incident=changing, until=None)
        incident_assign(actor=actor, incident=snoozed, username=member.username)
        found = {
            state: set(incident_list(viewer=actor, state=state).values_list("pk", flat=True))
            for state in Incident.State.values
        }
        assert found == {
            "open": {_open.pk}, "acknowledged": {acked.pk}, "snoozed": {snoozed.pk, changing.pk}, "closed": set(),
        }  # fmt: skip
        for state, numbers in found.items():
            assert {Incident.objects.get(pk=number).state for number in numbers} <= {state}
        assert incident_list(viewer=actor, assignee=member.username).get() == snoozed


class TestAssigning:
    def test_the_assignee_is_told_once_and_the_others_are_not(self, smtp, operator, member, incident):
        actor = viewer_of_user(operator)
        incident_assign(actor=actor, incident=incident, username=member.username)
        incident_assign(actor=actor, incident=incident, username=member.username)
        send()
        (mail,) = smtp.taken
        assert (mail["To"], mail["Subject"]) == ("ana@example.org", "Assigned to you: Silent: SG-1")
        assert fresh(incident).assignee.user == member
        assert kinds(incident) == ["assigned"]

    def test_whoever_takes_it_is_told_nothing_new(self, smtp, operator, incident):
        incident_assign(actor=viewer_of_user(operator), incident=incident, username=operator.username)
        send()
        assert not smtp.taken

    def test_an_assignment_that_was_taken_back_before_it_was_told_is_not_told(self, smtp, operator, member, incident):
        actor = viewer_of_user(operator)
        incident_assign(actor=actor, incident=incident, username=member.username)
        incident_assign(actor=actor, incident=incident, username="")
        send()
        assert not smtp.taken
        assert Notification.objects.get(phase="assigned").state == "dropped"

    def test_nobody_from_elsewhere_is_assigned(self, operator, incident, make_member, make_organization):
        stranger = make_member("x@example.org", of=make_organization("Strangers"))
        gone = make_member("gone@example.org", is_active=False)
        for name in (stranger.username, gone.username, "nobody"):
            with pytest.raises(InvalidInput):
                incident_assign(actor=viewer_of_user(operator), incident=incident, username=name)
        assert fresh(incident).assignee is None

    def test_whoever_leaves_the_organization_takes_care_of_nothing_there(
        self, operator, member, incident, organization, make_member
    ):
        incident_assign(actor=viewer_of_user(operator), incident=incident, username=member.username)
        owner = viewer_of_user(make_member("own@example.org", role="owner"))
        member_remove(actor=owner, organization=organization, username=member.username)
        assert fresh(incident).assignee is None
        assert IncidentStep.objects.get(kind="assigned").text == member.username


class TestSnoozes:
    def test_when_its_time_is_over_everybody_who_was_told_is_told_again_once(self, smtp, operator, incident):
        incident_snooze(actor=viewer_of_user(operator), incident=incident, until=now() + HOUR)
        assert snoozes_end() == 0
        with time_machine.travel(now() + HOUR + timedelta(seconds=1)):
            assert snoozes_end() == 1
            assert snoozes_end() == 0
            send()
        assert sorted(mail["To"] for mail in smtp.taken) == ["ana@example.org", "op@example.org"]
        assert {mail["Subject"] for mail in smtp.taken} == {"Still open: Silent: SG-1"}
        beginnings = set(Notification.objects.filter(phase="opened").values_list("message_id", flat=True))
        assert {mail["In-Reply-To"] for mail in smtp.taken} == beginnings
        assert fresh(incident).state == "open"
        assert kinds(incident) == ["snoozed", "woken"]

    def test_the_snooze_of_a_closed_incident_wakes_nobody(self, smtp, operator, station, incident):
        incident_snooze(actor=viewer_of_user(operator), incident=incident, until=now() + HOUR)
        incident_close(station_id=station.pk, rule="silence", moment=now())
        with time_machine.travel(now() + 2 * HOUR):
            assert snoozes_end() == 0
            send()
        assert {mail["Subject"] for mail in smtp.taken} == {"Back: SG-1"}
        assert len(smtp.taken) == 2

    def test_one_that_ends_or_is_acknowledged_before_the_mail_goes_out_is_not_told_again(
        self, smtp, operator, station, incident
    ):
        actor = viewer_of_user(operator)
        for overtake in (
            lambda: incident_acknowledge(actor=actor, incident=incident),
            lambda: incident_close(station_id=station.pk, rule="silence", moment=now(), is_told=False),
        ):
            incident_snooze(actor=actor, incident=incident, until=now() + HOUR)
            with time_machine.travel(now() + HOUR + timedelta(seconds=1)):
                assert snoozes_end() == 1
                overtake()
                send()
        assert not smtp.taken
        assert set(Notification.objects.filter(phase="again").values_list("state", flat=True)) == {"dropped"}

    def test_an_end_is_told_after_the_mail_that_it_is_still_open(self, smtp, operator, station, incident):
        incident_snooze(actor=viewer_of_user(operator), incident=incident, until=now() + HOUR)
        smtp.answers = ["drop", "451 later"]
        with time_machine.travel(now() + HOUR + timedelta(seconds=1)) as travel:
            snoozes_end()
            send()
            incident_close(station_id=station.pk, rule="silence", moment=now())
            for _ in range(6):
                travel.shift(timedelta(minutes=20))
                send()
        for address in ("ana@example.org", "op@example.org"):
            subjects = [mail["Subject"] for mail in smtp.to(address)]
            assert subjects[-1] == "Back: SG-1"
            assert subjects.count("Back: SG-1") == 1

    def test_until_it_changes_lasts_until_the_station_gets_another_incident(
        self, smtp, operator, station, incident, make_station
    ):
        incident_snooze(actor=viewer_of_user(operator), incident=incident, until=None)
        other = make_station("SG-2")
        incidents_open(openings=[Opening(other, now(), "Hot.")], rule="flooding", moment=now())
        assert fresh(incident).state == "snoozed"
        incidents_open(openings=[Opening(station, now(), "Hot.")], rule="flooding", moment=now())
        assert fresh(incident).state == "open"
        assert kinds(incident) == ["snoozed", "changed"]
        send()
        assert sum(mail["Subject"] == "Still open: Silent: SG-1" for mail in smtp.taken) == 2

    def test_who_could_not_be_told_of_the_beginning_is_not_told_that_it_goes_on(
        self, smtp, operator, incident, make_member
    ):
        make_member("late@example.org")
        incident_snooze(actor=viewer_of_user(operator), incident=incident, until=now() + HOUR)
        with time_machine.travel(now() + 2 * HOUR):
            snoozes_end()
            send()
        assert not smtp.to("late@example.org")


class TestFlaps:
    def test_a_short_recovery_keeps_the_acknowledgement_and_tells_nobody(self, smtp, operator, station, incident):
        incident_acknowledge(actor=viewer_of_user(operator), incident=incident)
        for _ in range(3):
            incident_close(station_id=station.pk, rule="silence", moment=now())
            assert fresh(incident).state == "closed"
            send()
            assert [one.pk for one in fall_silent(station)] == [incident.pk]
            send()
        assert not smtp.taken
        assert (fresh(incident).state, fresh(incident).closing_sentence) == ("acknowledged", "")
        assert kinds(incident) == ["acknowledged", *["reopened"] * 3]
        assert Incident.objects.count() == 1

    def test_the_settled_end_is_told_once(self, smtp, operator, station, incident):
        incident_acknowledge(actor=viewer_of_user(operator), incident=incident)
        incident_close(station_id=station.pk, rule="silence", moment=now())
        fall_silent(station)
        incident_close(station_id=station.pk, rule="silence", moment=now())
        with time_machine.travel(now() + SETTLE - timedelta(seconds=30)):
            send()
            assert not smtp.taken
        with time_machine.travel(now() + SETTLE + timedelta(seconds=30)):
            send()
        assert sorted((mail["To"], mail["Subject"]) for mail in smtp.taken) == [
            ("ana@example.org", "Back: SG-1"), ("op@example.org", "Back: SG-1"),
        ]  # fmt: skip

    def test_after_its_end_was_told_it_is_a_new_incident_that_is_told(self, smtp, operator, station, incident):
        incident_acknowledge(actor=viewer_of_user(operator), incident=incident)
        incident_close(station_id=station.pk, rule="silence", moment=now())
        with time_machine.travel(now() + SETTLE + timedelta(seconds=30)):
            send()
            (new,) = fall_silent(station)
            send()
        assert (new.state, new.pk != incident.pk, fresh(incident).state) == ("open", True, "closed")
        for address in ("ana@example.org", "op@example.org"):
            assert [mail["Subject"] for mail in smtp.to(address)] == ["Back: SG-1", "Silent: SG-1"]

    def test_what_nobody_acknowledged_is_told_at_once(self, smtp, station, incident):
        incident_close(station_id=station.pk, rule="silence", moment=now())
        send()
        assert len(smtp.taken) == 2
        (new,) = fall_silent(station)
        assert new.pk != incident.pk

    def test_held_ends_do_not_join_a_message_of_another_station(self, smtp, operator, incident, station, make_station):
        other = make_station("SG-2", heard_ago=LONG)
        silence_sweep()
        send()
        smtp.taken.clear()
        incident_acknowledge(actor=viewer_of_user(operator), incident=incident)
        incident_close(station_id=station.pk, rule="silence", moment=now())
        incident_close(station_id=other.pk, rule="silence", moment=now())
        send()
        assert {mail["Subject"] for mail in smtp.taken} == {"Back: SG-2"}
        fall_silent(station)
        with time_machine.travel(now() + 2 * SETTLE):
            send()
        assert {mail["Subject"] for mail in smtp.taken} == {"Back: SG-2"}

    def test_silence_after_an_incident_was_told_only_as_over_is_a_new_incident(self, smtp, operator, station):
        silence_sweep()
        incident = Incident.objects.get()
        incident_acknowledge(actor=viewer_of_user(operator), incident=incident)
        incident_close(station_id=station.pk, rule="silence", moment=now())
        send()
        assert {mail["Subject"] for mail in smtp.taken} == {"Back: SG-1"}
        (new,) = fall_silent(station)
        assert new.pk != incident.pk
        send()
        for address in ("ana@example.org", "op@example.org"):
            assert [mail["Subject"] for mail in smtp.to(address)] == ["Back: SG-1", "Silent: SG-1"]

    def test_what_became_worse_is_a_new_incident_and_the_end_of_the_old_is_told_first(self, smtp, operator, station):
        def ring(severity):
            opening = Opening(station, now(), "Hot.", title="Heat", severity=severity)
            return incidents_open(openings=[opening], rule="made.7", moment=now())

        (mild,) = ring("notice")
        send()
        smtp.taken.clear()
        incident_acknowledge(actor=viewer_of_user(operator), incident=mild)
        incident_close(station_id=station.pk, rule="made.7", moment=now())
        (severe,) = ring("severe")
        assert severe.pk != mild.pk
        send()
        assert [mail["Subject"] for mail in smtp.to("op@example.org")] == ["Over: Heat: SG-1", "Heat: SG-1"]

    def test_the_end_of_a_snooze_ends_the_wait(self, operator, station, incident):
        incident_snooze(actor=viewer_of_user(operator), incident=incident, until=now() + timedelta(minutes=2))
        incident_close(station_id=station.pk, rule="silence", moment=now())
        with time_machine.travel(now() + timedelta(minutes=3)):
            (new,) = fall_silent(station)
        assert (new.pk != incident.pk, new.state) == (True, "open")


class TestTwoWorkers:
    """Concurrent workers, with real threads and connections."""

    pytestmark = pytest.mark.django_db(transaction=True)

    @pytest.mark.usefixtures("member")
    def test_the_end_of_a_snooze_is_one_step_and_one_message_for_each(self, operator, make_station):
        actor = viewer_of_user(operator)
        for n in range(20):
            make_station(f"SG-{n}", heard_ago=LONG)
        silence_sweep()
        send()
        for incident in Incident.objects.all():
            incident_snooze(actor=actor, incident=incident, until=now() + HOUR)
        with time_machine.travel(now() + 2 * HOUR):
            assert sum(at_once(*[snoozes_end] * 4)) == 20
            at_once(*[send] * 3)
        assert IncidentStep.objects.filter(kind="woken").count() == 20
        links = Notification.incidents.through.objects.filter(notification__phase="again")
        told = list(links.exclude(notification__state="merged").values_list("incident", "notification__recipient"))
        assert len(told) == len(set(told)) == 40
        assert set(Notification.objects.filter(phase="again").values_list("state", flat=True)) <= {"sent", "merged"}

    def test_of_many_who_acknowledge_one_wins(self, operator, incident):
        actor = viewer_of_user(operator)
        results = at_once(*[lambda: incident_acknowledge(actor=actor, incident=incident)] * 5)
        assert [type(one) for one in results if one is not None] == [Conflict] * 4
        assert kinds(incident) == ["acknowledged"]

    def test_closing_and_waking_at_once_leave_one_outcome(self, smtp, operator, station, incident):
        actor = viewer_of_user(operator)
        incident_snooze(actor=actor, incident=incident, until=now() + HOUR)
        with time_machine.travel(now() + 2 * HOUR):
            results = at_once(
                snoozes_end, lambda: incident_close(station_id=station.pk, rule="silence", moment=now()) and 0
            )
            assert not [one for one in results if isinstance(one, Exception)]
            send()
            with time_machine.travel(now() + SETTLE + HOUR):
                send()
        assert fresh(incident).state == "closed"
        for address in ("ana@example.org", "op@example.org"):
            assert [mail["Subject"] for mail in smtp.to(address)] == ["Back: SG-1"]

    def test_opening_again_at_once_reopens_once(self, operator, station, incident):
        incident_acknowledge(actor=viewer_of_user(operator), incident=incident)
        incident_close(station_id=station.pk, rule="silence", moment=now())
        results = at_once(*[lambda: fall_silent(station)] * 4)
        assert sorted(len(one) for one in results) == [0, 0, 0, 1]
        assert Incident.objects.get().state == "acknowledged"
        assert kinds(incident) == ["acknowledged", "reopened"]


def test_a_destination_that_was_switched_off_is_not_told_again(smtp, operator, member, incident):
    incident_snooze(actor=viewer_of_user(operator), incident=incident, until=now() + HOUR)
    Destination.objects.filter(membership__user=member).update(is_on=False)
    with time_machine.travel(now() + 2 * HOUR):
        snoozes_end()
        send()
    assert [mail["To"] for mail in smtp.taken] == ["op@example.org"]
