"""Commands on the page: permissions, the confirmation of dangerous ones, and their results."""

import re
from datetime import timedelta

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
    assert re.search(r"“Send ping” is waiting for Old Cut \(.+\), which calls about .+\. It expires after 1 h\.", page)
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
    assert "Time between two reports" in client.get(send(station, "set_reporting_interval")).content.decode()
    for number, unit in (("1", "1"), ("x", "60"), ("", "60"), ("8", "86400"), ("5", "7"), ("-5", "60")):
        typed = {"seconds_0": number, "seconds_1": unit, "expires_in": "86400"}
        answer = client.post(send(station, "set_reporting_interval"), typed)
        assert answer.status_code == 200
        assert 'role="alert"' in answer.content.decode()
    assert not Command.objects.exists()
    client.post(send(station, "set_reporting_interval"), {"seconds_0": "10", "seconds_1": "60", "expires_in": "86400"})
    command = Command.objects.get()
    assert command.parameters == {"seconds": 600}
    assert (command.expires_at - command.issued_at).total_seconds() == 86_400


def test_who_only_looks_sends_nothing(browse, viewer, station):
    client = browse(viewer)
    page = client.get(f"/stations/{station.serial}/commands/").content.decode()
    assert "<button" not in page.partition("<main")[2].partition("</main>")[0]
    assert "not send it commands" in page
    assert client.post(f"/stations/{station.serial}/commands/", {"command": "ping"}).status_code == 403
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


def test_a_cancelled_command_that_ran_anyway_says_when_and_who_had_cancelled_it(browse, operator, viewer, station):
    ran_at = clock.now().replace(hour=18, minute=39, second=51) - timedelta(days=1)
    command = command_make(station, clock.now(), state="cancelled")
    Command.objects.filter(id=command.id).update(withdrawal="ran", ran_at=ran_at, note="Cancelled by operator.")
    address = f"/stations/{station.serial}/commands/"
    page = browse(operator).get(address).content.decode()
    assert "ran anyway</span>" in page
    assert "Ran anyway yesterday 18:39 UTC, after you cancelled it." in page
    assert "18:39 UTC, after it was cancelled." in browse(viewer).get(address).content.decode()
    Command.objects.filter(id=command.id).update(withdrawal="taken_back", ran_at=None)
    assert (
        "Cancelled before the station had taken it. It will not run." in browse(operator).get(address).content.decode()
    )


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("queued", "so cancelling stops it"),
        ("sent", "unless the station has fetched it already"),
        ("received", "only if it has not begun"),
        ("running", "cannot stop it any more"),
    ],
)
def test_beside_the_button_stands_what_cancelling_can_still_do(browse, operator, station, state, words):
    command_make(station, clock.now(), state=state)
    assert words in browse(operator).get(f"/stations/{station.serial}/commands/").content.decode()


def test_safe_commands_are_chosen_and_dangerous_ones_stand_apart(browse, operator, station):
    client, address = browse(operator), f"/stations/{station.serial}/commands/"
    page = client.get(address).content.decode()
    offered = re.findall(r'<input type="radio" name="command" value="(\w+)"', page)
    safe = ["ping", "run_diagnostics", "set_reporting_interval", "set_profile", "pace", "list_files"]
    assert offered == safe
    assert set(re.findall(r'btn danger" href="[^"]*/send/(\w+)/"', page)) == {"reboot", "rotate_login"}
    assert "Handle with care" in page
    # Chosen without its answers, nothing is sent, and the answers are asked for.
    refused = client.post(address, {"command": "set_profile", "set_profile-profile": "nonsense"})
    assert refused.status_code == 200
    assert 'aria-invalid="true"' in refused.content.decode()
    for command in ("reboot", "rotate_login", "nonsense", ""):
        assert "Choose a command first." in client.post(address, {"command": command}, follow=True).content.decode()
    assert not Command.objects.exists()
    typed = {"command": "set_reporting_interval", "set_reporting_interval-seconds_0": "1,5".replace(",", ".")}
    typed |= {"set_reporting_interval-seconds_1": "3600", "expires_in": "21600"}
    assert client.post(address, typed).status_code == 302
    command = Command.objects.get()
    assert command.parameters == {"seconds": 5_400}
    assert (command.expires_at - command.issued_at).total_seconds() == 21_600
    assert "Set reporting interval: every 1 h 30 min" in client.get(address).content.decode()


def test_diagnostics_answer_in_words_with_the_figures_behind(browse, operator, station):
    command = command_make(station, clock.now(), state="succeeded", name="run_diagnostics")
    result = {
        "disk_percent": 97.0, "disk_free_bytes": 2**30, "memory_percent": 30.0, "clock_is_set": True, "radios": 4,
        "backlog_messages": 18, "dropped_messages": 0, "uptime_s": 7_200, "antenna_ohms": 51.5,
    }  # fmt: skip
    Command.objects.filter(id=command.id).update(result=result, note="The station found nothing wrong with itself.")
    page = browse(operator).get(f"/stations/{station.serial}/commands/").content.decode()
    assert "Storage is 97\u00a0% full. Memory and clock are fine. 4 radios found. 18 messages are waiting." in page
    assert "<dt>Running for</dt><dd>2 h</dd>" in page
    assert "<dt>antenna_ohms</dt><dd>51.5</dd>" in page
    Command.objects.filter(id=command.id).update(note="The fan is loud.", result={**result, "disk_percent": 40.0})
    page = browse(operator).get(f"/stations/{station.serial}/commands/").content.decode()
    assert "The fan is loud. Storage, memory and clock are fine." in page


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
