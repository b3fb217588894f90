"""A card is read at a desk while its station sends: both arrive, and the station keeps its login and its contact state."""

import subprocess
import sys

import pika
import pytest
from faults.data_folder import DataFolder
from faults.oracle import judge
from faults.publisher import Publishing, connection_parameters
from faults.rig import REPOSITORY
from faults.test_agent_and_relay_killed import fixes_in_database, heard_in_database
from faults.test_station_disk import config_write
from waiting import PATIENCE_S

pytestmark = pytest.mark.faults

LINES = 6_000
CONTACT = (
    "SELECT c.state, c.last_contact_at, c.silent_after FROM stations_stationcontact c "
    "JOIN stations_station s ON s.id = c.station_id WHERE s.serial = %s"
)


def works(grant) -> bool:
    try:
        pika.BlockingConnection(connection_parameters(grant, plain_port=grant["plain_port"])).close()
    except pika.exceptions.AMQPError:
        return False
    return True


def replay(rig, config) -> None:
    words = [sys.executable, "-m", "station_agent", "replay", str(config.parent / "SGdata"), "--config", str(config)]
    done = subprocess.run(
        [*words, "--json"],
        env=rig.environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout[-2_000:]


def test_a_card_is_replayed_at_a_desk_while_its_station_sends(rig, case, grants, tmp_path):
    one = case("desk upload beside the live station", number="85")
    (away,) = rig.stations("SG-7100RPI40001")
    cards = {}
    for number, grant in enumerate((grants[0], away)):
        folder = tmp_path / f"desk{number}"
        card = DataFolder(folder / "SGdata", grant["serial"], LINES, f"{rig.seed}/{number}", 1_000_000)
        card.run()
        cards[grant["serial"]] = folder, card
    for _share in one.moments_of_publishing(1, 0.2, 0.3):
        desks = rig.desks(*cards)
    for desk in desks:
        folder, _card = cards[desk["serial"]]
        config = config_write(folder, desk)
        replay(rig, config)
        replay(rig, config)
    # A desk that sends with another program and its own numbers is no contact either.
    other = Publishing([desks[1]], f"desk-{rig.seed}", 300, tmp_path)
    other.start()
    other.join(PATIENCE_S)
    verdict = one.finish(
        "The real agent replays two cards twice with a desk's login: one from a station that publishes meanwhile, one from a "
        "station that never called. The first keeps its login and its connection, the second stays never seen."
    )
    judge(rig, other, verdict)
    for serial, (_folder, card) in cards.items():
        card_judge(rig, serial, card, verdict)
    assert verdict.is_clean, (verdict.row(), verdict.details)
    assert [works(grant) for grant in (*grants, away, *desks)] == [True] * (len(grants) + 3)
    assert rig.query(CONTACT, away["serial"]) == [("never_seen", None, None)]
    assert rig.query(CONTACT, grants[0]["serial"])[0][0] == "on_time"


def card_judge(rig, serial, card, verdict):
    """Check that every line of a card is stored once. The live station's own pulses have other lines and times."""
    ours = [row for row in heard_in_database(rig, serial) if row in card.heard]
    fixes = fixes_in_database(rig, serial)
    verdict.sent += len(card.heard) + len(card.fixes)
    verdict.confirmed += len(card.heard) + len(card.fixes)
    verdict.lost += len(card.heard - set(ours)) + len(card.fixes - set(fixes))
    verdict.doubled += len(ours) - len(set(ours)) + len(fixes) - len(set(fixes))
    verdict.unexpected += len(set(fixes) - card.fixes)
