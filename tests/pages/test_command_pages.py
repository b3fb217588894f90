"""Commands on the page: permissions, the confirmation of dangerous ones, and their results."""

import pytest
from pages.busy_stations import command_make
from people import station_of

from fleet.commands.models import Command
from fleet.core import clock
from fleet.core.models import OutboxMessage

pytestmark = pytest.mark.django_db


@pytest.fixture
def station(institute):
    return station_of(institute, state="on_time", name="Old Cut")


def send(station, name) -> str:
    return f"/stations/{station.serial}/commands/send/{name}/"


def test_a_ping_takes_one_press(browse, operator, station):
    answer = browse(operator).post(send(station, "ping"), follow=True)
    assert answer.redirect_chain[-1][0] == f"/stations/{station.serial}/commands/"
    command = Command.objects.get()
    assert (command.name, command.state, command.issued_by_name) == ("ping", "queued", "operator")
    assert OutboxMessage.objects.filter(target="command", routing_key=station.serial).count() == 1
    page = answer.content.decode()
    assert "“Send ping” is queued" in page
    assert "waiting to be sent" in page


def test_a_dangerous_command_says_first_what_it_does(browse, operator, station):
    client = browse(operator)
    page = client.get(send(station, "reboot")).content.decode()
    assert "somebody has to travel there" in page
    assert "Reboot station: Old Cut" in page
    assert not Command.objects.exists()
    # Posted without that page's fields, nothing is sent.
    assert client.post(send(station, "reboot")).status_code == 200
    assert not Command.objects.exists()
    assert client.post(send(station, "reboot"), {"expires_in": "3600"}).status_code == 302
    assert Command.objects.get().name == "reboot"


def test_parameters_are_filled_in_and_kept_in_bounds(browse, operator, station):
    client = browse(operator)
    assert "Seconds between two reports" in client.get(send(station, "set_reporting_interval")).content.decode()
    for seconds in ("1", "x", "", "99999999"):
        answer = client.post(send(station, "set_reporting_interval"), {"seconds": seconds, "expires_in": "86400"})
        assert answer.status_code == 200
        assert 'role="alert"' in answer.content.decode()
    assert not Command.objects.exists()
    client.post(send(station, "set_reporting_interval"), {"seconds": "600", "expires_in": "86400"})
    command = Command.objects.get()
    assert command.parameters == {"seconds": 600}
    assert (command.expires_at - command.issued_at).total_seconds() == 86_400


def test_who_only_looks_sends_nothing(browse, viewer, station):
    client = browse(viewer)
    page = client.get(f"/stations/{station.serial}/commands/").content.decode()
    assert "<button>Send ping" not in page
    assert "not send it commands" in page
    answer = client.post(send(station, "ping"))
    assert answer.status_code == 403
    assert "You cannot do that" in answer.content.decode()
    assert not Command.objects.exists()


def test_a_stranger_finds_nothing_to_send_to(browse, stranger, station):
    assert browse(stranger).post(send(station, "ping")).status_code == 404
    assert not Command.objects.exists()


def test_a_form_from_elsewhere_is_refused(browse, operator, station):
    answer = browse(operator, enforce_csrf_checks=True).post(send(station, "ping"))
    assert answer.status_code == 403
    assert "Nothing was changed" in answer.content.decode()
    assert not Command.objects.exists()


def test_an_unknown_command_is_not_there(browse, operator, station):
    assert browse(operator).get(send(station, "explode")).status_code == 404


def test_a_waiting_command_can_be_cancelled_once(browse, operator, station):
    command = command_make(station, clock.now(), state="queued")
    address = f"/stations/{station.serial}/commands/{command.id}/cancel/"
    client = browse(operator)
    assert "Cancel: Send ping" in client.get(f"/stations/{station.serial}/commands/").content.decode()
    assert "is cancelled" in client.post(address, follow=True).content.decode()
    assert "nothing to cancel" in client.post(address, follow=True).content.decode()
    command.refresh_from_db()
    assert command.state == "cancelled"


def test_a_cancelled_command_that_ran_anyway_says_when(browse, operator, station):
    ran_at = clock.now().replace(hour=18, minute=39, second=51)
    command = command_make(station, clock.now(), state="cancelled")
    Command.objects.filter(id=command.id).update(withdrawal="ran", ran_at=ran_at)
    page = browse(operator).get(f"/stations/{station.serial}/commands/").content.decode()
    assert "cancelled, but it ran" in page
    assert "It ran anyway, before the cancellation reached the station, at <time" in page
    assert f">{ran_at:%Y-%m-%d} 18:39:51</time>." in page
    Command.objects.filter(id=command.id).update(withdrawal="taken_back", ran_at=None)
    page = browse(operator).get(f"/stations/{station.serial}/commands/").content.decode()
    assert "before the station received it" in page


def test_cancelling_takes_the_role_and_the_right_station(browse, operator, viewer, stranger, station, institute):
    command = command_make(station, clock.now(), state="queued")
    address = f"/stations/{station.serial}/commands/{command.id}/cancel/"
    assert browse(viewer).post(address).status_code == 403
    assert browse(stranger).post(address).status_code == 404
    other = station_of(institute)
    assert browse(operator).post(f"/stations/{other.serial}/commands/{command.id}/cancel/").status_code == 404
    command.refresh_from_db()
    assert command.state == "queued"


def test_a_command_that_the_software_did_not_name_is_said_to_be_doubtful(browse, operator, station):
    station.contact.hello = {"commands": ["ping"]}
    station.contact.save()
    page = browse(operator).get(send(station, "reboot")).content.decode()
    assert "does not list this command" in page
