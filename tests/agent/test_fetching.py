"""Files are fetched by their manifest: reported, wanted by a policy, asked for, uploaded, stored; lines are cut."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from agent.bad_link import BadLink
from agent.conftest import REAL_DATA, poll_all
from agent.manifests import age, settle, source_of
from django.core.cache import cache
from people import SERVER, institute, person, station_of
from site_processes import running

from fleet.commands.models import Command
from fleet.core import clock
from fleet.files.models import FileRevision
from fleet.holdings.fetching import files_choose, station_fetch
from fleet.holdings.models import HeldFile
from fleet.holdings.policy import FetchRule, policy_set, rule_of_station
from fleet.holdings.selectors import held_sums, sums_by_state
from fleet.ingest.delivery import Delivery
from fleet.ingest.pipeline import Pipeline
from fleet.organizations.access import viewer_of_user
from fleet.organizations.models import Membership
from fleet.stations.logins.enrolment import token_hash
from fleet.stations.models import Credential
from fleet.telemetry.models import Detection
from message_queue.contracts.commands.base import CommandMessage, command_encode
from station_agent.config import AmqpSettings, CommandSettings, Config
from station_agent.daemon import station_open
from station_agent.manifest import uploading
from station_agent.running.executor import Executor
from station_agent.sources import sources_make
from station_agent.uploads import sending, tus

__all__ = ["institute"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("services")]

SECRET = "of the station"


class Fleet:
    """One station with its agent in this process, and its site; `say` and `ask` replace the broker between them."""

    def __init__(self, tmp_path: Path, station: Any, site_port: int, data: Path) -> None:
        self.station = station
        self.link = BadLink(site_port)
        amqp = AmqpSettings(
            host="127.0.0.1", port=1, username=f"st.{station.serial}.1", password=SECRET, tls=False,
            exchange=f"in.{station.serial}", command_queue=f"cmd.{station.serial}",
        )  # fmt: skip
        config = Config(
            serial=station.serial, amqp=amqp, server=f"http://127.0.0.1:{self.link.port}", profile="generous",
            state_dir=str(tmp_path / "state"), commands=CommandSettings(consent_file=str(tmp_path / "consent.json")),
            sources={
                "sensorgnome": {"directory": str(data), "any_station": True}, "files": {"finished_after": 1.0},
            },
        )  # fmt: skip
        self.agent, journal = station_open(config)
        self.sources = sources_make(self.agent)
        self.files: Any = self.sources["files"]
        self.files._worker._next_at = 1e18
        self.executor = Executor(self.agent, journal, Path(config.commands.consent_file))
        self.pipeline = Pipeline()

    def say(self) -> None:
        """Carry everything in the outbox to the server."""
        settle(self.files)
        with self.agent.outbox.database.transaction() as sql:
            rows = sql.execute("SELECT seq, kind, body, encoding FROM outbox ORDER BY seq").fetchall()
            sql.execute("DELETE FROM outbox")
        for seq, kind, body, encoding in rows:
            headers = {"v": 1, "stream": self.agent.outbox.stream, "seq": seq}
            properties = {"type": kind, "content_encoding": encoding, "application_headers": headers}
            properties["content_type"] = "application/senml+json" if kind == "readings" else "application/json"
            self.pipeline.take([Delivery(f"in.{self.station.serial}", kind, properties, body)])

    def ask(self) -> int:
        """Ask the station for the wanted files, and carry the command to it; return how many files were asked for."""
        known = set(Command.objects.values_list("pk", flat=True))
        asked = station_fetch(station=self.station, moment=clock.now())
        for command in Command.objects.exclude(pk__in=known):
            message = CommandMessage(
                id=command.pk, station=self.station.serial, name=command.name, parameters=command.parameters,
                issued_at=command.issued_at.timestamp(), expires_at=command.expires_at.timestamp(),
            )  # fmt: skip
            self.executor.handle(command_encode(message))
        return asked

    def upload(self) -> None:
        self.files._worker.work()

    def states(self) -> dict[str, int]:
        sums = sums_by_state(held_sums(station=self.station, rule=rule_of_station(self.station)))
        assert sum(each.files for each in sums.values()) == HeldFile.objects.filter(station=self.station).count()
        return {state: each.files for state, each in sums.items() if each.files}

    def end(self) -> None:
        self.agent.stopping.set()
        self.link.stop()
        self.agent.outbox.database.close()


@pytest.fixture
def site(tmp_path_factory):
    cache.clear()
    folder = tmp_path_factory.mktemp("site")
    with running(
        folder, "site", ROOST_FILES_ROOT=str(folder), ROOST_API_RATE="1000000", STATION_AGENT_PLAIN=""
    ) as made:
        yield made


@pytest.fixture
def root(tmp_path) -> Path:
    folder = tmp_path / "SGdata" / "2026-05-01"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def make_fleet(tmp_path, institute, site, monkeypatch):
    monkeypatch.setattr(sending, "RETRY_FIRST", 0.05)
    monkeypatch.setattr(sending, "RETRY_MOST", 0.2)
    made: list[Fleet] = []

    def make(data: Path) -> Fleet:
        station = station_of(institute)
        Credential.objects.create(
            station=station, generation=1, username=f"st.{station.serial}.1", secret_hash=token_hash(SECRET),
            issued_at=clock.now(),
        )  # fmt: skip
        made.append(Fleet(tmp_path, station, site.site_port, data))
        return made[-1]

    yield make
    for each in made:
        each.end()


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return age(path)


def digests(folder: Path) -> set[str]:
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def stored(station) -> set[str]:
    return set(FileRevision.objects.filter(file__station=station).values_list("content__sha256", flat=True))


def cut_often(monkeypatch, link: BadLink, every: int) -> list[int]:
    """Cut the line after every so many bytes of files; return the list of cuts."""
    cuts: list[int] = []
    sent, usual = [0], tus.Uploader._body

    def body(self, *words):
        for piece in usual(self, *words):
            for first in range(0, len(piece), 1_000):
                part = piece[first : first + 1_000]
                sent[0] += len(part)
                if sent[0] // every > len(cuts):
                    cuts.append(sent[0])
                    link.cut()
                yield part

    monkeypatch.setattr(tus.Uploader, "_body", body)
    return cuts


@pytest.mark.skipif(not REAL_DATA.is_dir(), reason="no real data on this machine")
def test_a_real_card_comes_home_over_a_line_that_is_cut_twenty_times(make_fleet, monkeypatch):
    fleet = make_fleet(REAL_DATA)
    total = sum(path.stat().st_size for path in REAL_DATA.rglob("*") if path.is_file())
    cuts = cut_often(monkeypatch, fleet.link, total // 21)
    poll_all(fleet.sources["sensorgnome"])
    fleet.say()
    rows = Detection.objects.filter(station=fleet.station).count()
    count = len([path for path in REAL_DATA.rglob("*") if path.is_file()])
    assert fleet.states() == {"kept": count}
    policy_set(actor=SERVER, owner=fleet.station, rule=FetchRule(mode="all"))
    assert fleet.states() == {"wanted": count}
    assert fleet.ask() == count
    assert fleet.states() == {"asked": count}
    while fleet.files._orders.open_list():
        fleet.upload()
    assert len(cuts) >= 20
    assert stored(fleet.station) == digests(REAL_DATA)
    # The site knows that it stored them; it needs no report from the station for that.
    assert fleet.states() == {"stored": count}
    fleet.say()
    assert set(HeldFile.objects.values_list("end", flat=True)) <= {"stored", "known"}
    sent = sum(HeldFile.objects.values_list("octets_sent", flat=True))
    print(f"{count} files, {total} bytes, {len(cuts)} cuts, {sent} bytes handed to the line")
    # A second time, there is nothing to ask for, and no row is doubled.
    assert fleet.ask() == 0
    assert {0: rows} == {0: Detection.objects.filter(station=fleet.station).count()}
    assert FileRevision.objects.filter(file__station=fleet.station).count() == count


def test_a_file_that_changed_before_or_during_its_upload_is_refused_with_the_reason(make_fleet, root, monkeypatch):
    before, middle = write(root / "before.bin", b"a" * 50_000), write(root / "middle.bin", os.urandom(300_000))
    gone = write(root / "gone.bin", b"g" * 1_000)
    fleet = make_fleet(root.parent)
    fleet.say()
    policy_set(actor=SERVER, owner=fleet.station, rule=FetchRule(mode="all"))
    assert fleet.ask() == 3
    write(before, b"b" * 50_000)
    gone.unlink()
    usual, told = tus.Uploader._body, []

    def body(self, file, offset, octets, progress):
        for piece in usual(self, file, offset, octets, progress):
            if not told and offset == 0:
                # The line is cut, and the file changes before the upload goes on.
                told.append(file.name)
                yield piece
                write(middle, os.urandom(300_000))
                fleet.link.cut()
                raise ConnectionResetError
            else:
                yield piece

    monkeypatch.setattr(tus.Uploader, "_body", body)
    fleet.upload()
    ends = {each.path: (each.end, each.reason) for each in fleet.files._orders.ended(10)}
    assert told == ["2026-05-01/middle.bin"]
    assert {path: end for path, (end, _reason) in ends.items()} == {
        "2026-05-01/before.bin": "changed", "2026-05-01/middle.bin": "changed", "2026-05-01/gone.bin": "gone",
    }  # fmt: skip
    assert "Nothing more of it was sent" in ends["2026-05-01/middle.bin"][1]
    assert stored(fleet.station) == set()
    # The next manifest has the new contents, so those are asked for.
    monkeypatch.setattr(tus.Uploader, "_body", usual)
    fleet.say()
    assert fleet.states() == {"wanted": 2, "gone": 1}
    assert fleet.ask() == 2
    fleet.upload()
    assert stored(fleet.station) == digests(root)


def test_an_order_for_another_network_waits_and_one_whose_time_is_over_ends(make_fleet, root, monkeypatch):
    write(root / "a.bin", b"a")
    fleet = make_fleet(root.parent)
    fleet.say()
    policy_set(actor=SERVER, owner=fleet.station, rule=FetchRule(mode="all", networks=("wifi",)))
    assert fleet.ask() == 1
    worker = fleet.files._worker
    worker._network = lambda: "mobile"
    fleet.upload()
    assert "wait for wifi" in worker.note
    assert stored(fleet.station) == set()
    # The order's time is over: it ends, and the file is asked for again.
    monkeypatch.setattr(fleet.agent, "now", lambda: clock.now().timestamp() + 2 * 86_400)
    fleet.upload()
    monkeypatch.undo()
    fleet.say()
    assert HeldFile.objects.get().end == "expired"
    assert fleet.states() == {"wanted": 1}
    assert fleet.ask() == 1
    worker._network = lambda: "wifi"
    fleet.upload()
    assert fleet.states() == {"stored": 1}


def test_without_the_server_orders_wait_on_disk_and_nothing_is_lost(make_fleet, root, monkeypatch):
    monkeypatch.setattr(uploading, "GIVE_UP", 0.1)
    write(root / "a.bin", b"a" * 1_000)
    fleet = make_fleet(root.parent)
    fleet.say()
    policy_set(actor=SERVER, owner=fleet.station, rule=FetchRule(mode="all"))
    fleet.ask()
    fleet.link.stop()
    fleet.upload()
    assert fleet.files._worker.note.startswith("Uploads wait")
    assert [order.name for order in fleet.files._orders.open_list()] == ["2026-05-01/a.bin"]


def test_what_people_choose_comes_and_what_the_owner_forbids_says_why(make_fleet, root, institute, tmp_path):
    for name in ("a.bin", "b.bin"):
        write(root / name, name.encode())
    fleet = make_fleet(root.parent)
    fleet.say()
    operator = viewer_of_user(person("olga", (institute, Membership.Role.OPERATOR)))
    policy_set(actor=operator, owner=fleet.station, rule=FetchRule(mode="demand"))
    assert fleet.states() == {"kept": 2}
    assert fleet.ask() == 0
    chosen = HeldFile.objects.get(path="2026-05-01/a.bin")
    assert files_choose(actor=operator, station=fleet.station, file_ids=[chosen.pk])["wanted"] == 1
    (tmp_path / "consent.json").write_text(json.dumps({"deny": ["upload_files"]}))
    assert fleet.ask() == 1
    # The station's owner forbids the command, and the file has that as its reason.
    fleet.say()
    assert fleet.ask() == 0
    assert fleet.states() == {"kept": 1, "refused": 1}
    assert "owner does not allow" in HeldFile.objects.get(pk=chosen.pk).end_reason
    (tmp_path / "consent.json").unlink()
    files_choose(actor=operator, station=fleet.station, file_ids=[chosen.pk])
    assert fleet.ask() == 1
    fleet.upload()
    fleet.say()
    assert fleet.states() == {"kept": 1, "stored": 1}
    assert HeldFile.objects.get(pk=chosen.pk).wanted_at is None


def test_the_source_starts_the_uploads_by_itself(make_fleet, root):
    write(root / "a.bin", b"a")
    fleet = make_fleet(root.parent)
    fleet.say()
    policy_set(actor=SERVER, owner=fleet.station, rule=FetchRule(mode="all"))
    fleet.ask()
    fleet.files._worker._next_at = 0.0
    fleet.files.poll()
    fleet.files._worker._thread.join(60)
    assert stored(fleet.station) == digests(root)
    assert source_of(fleet.agent) is not None
