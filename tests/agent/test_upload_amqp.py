"""Files over AMQP: whole folders, resumed at the byte, mixed with HTTPS, refused with reasons; floods hurt no other."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pika
import pytest
from agent.manifests import age
from django.conf import settings as django_settings
from people import SERVER, elsewhere, institute, serial_new
from site_processes import ROOT
from waiting import PATIENCE_S, until

from fleet.core import clock
from fleet.files.models import FileRevision, StoreAccount, Upload
from fleet.files.store.parts import part_size
from fleet.files.store.place import place_mark
from fleet.files.store.uploads import FileAsked, UploadSender, upload_begin, upload_writer
from fleet.stations.logins.enrolment import enrolment_token_create, station_enrol
from fleet.stations.models import Station
from fleet.stations.services import station_register
from message_queue.contracts.commands.upload_files import AskedFile, UploadFiles
from message_queue.pieces import ASK_KEY, FILES_QUEUE, PIECE_KEY, PIECE_MOST, REPLY_TO, WINDOW
from station_agent.config import AmqpSettings, config_write
from station_agent.link.data_use import data_use_store
from station_agent.manifest.folders import folders_read
from station_agent.manifest.uploading import UploadWorker
from station_agent.uploads import sending, ways
from station_agent.uploads.amqp import AmqpUploader
from station_agent.uploads.sending import LocalFile
from station_agent.uploads.upload import upload_run
from workers.consumers import files as files_consumer
from workers.consumers.files import WAITING_MOST, FilesConsumer

__all__ = ["elsewhere", "institute"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("services")]


class Enrolled:
    """A station with its login, as its agent has it."""

    def __init__(self, organization: Any, port: int) -> None:
        station = station_register(actor=SERVER, organization=organization, serial=serial_new())
        token = enrolment_token_create(station=station, actor=SERVER)
        grant = station_enrol(serial=station.serial, token=token, hardware={"model": "test"})
        self.station = Station.objects.select_related("organization").get(pk=station.pk)
        self.encrypted = AmqpSettings(**asdict(grant))
        self.amqp = AmqpSettings(**asdict(grant) | {"host": "127.0.0.1", "port": port, "tls": False, "ca_pem": ""})

    def uploader(self, **more: Any) -> AmqpUploader:
        return AmqpUploader(self.amqp, heartbeat=60, give_up=PATIENCE_S, **more)


@pytest.fixture
def consumer(stack, settings, tmp_path, monkeypatch) -> Iterator[FilesConsumer]:
    settings.MEDIA_ROOT = tmp_path / "site"
    place_mark()
    monkeypatch.setattr(sending, "RETRY_FIRST", 0.05)
    with stack.rabbitmq.management() as client:
        client.delete(f"/api/queues/{django_settings.ROOST_FLEET_VHOST}/{FILES_QUEUE}/contents").raise_for_status()
    made = FilesConsumer(django_settings.ROOST_FLEET_BROKER_URL)
    made.start()
    yield made
    made.stop()
    made.join(PATIENCE_S)


@pytest.fixture
def enrol(institute, stack) -> Callable[..., Enrolled]:
    return lambda organization=institute: Enrolled(organization, stack.ports["amqp"])


@pytest.fixture
def card(tmp_path) -> Path:
    """A file of several windows, one whose size is no multiple of a piece, and an empty one."""
    folder = tmp_path / "SGdata" / "2026-05-01"
    folder.mkdir(parents=True)
    for name, size in (("a.txt", 3 * WINDOW + 1), ("b.txt.gz", 70_000), ("empty.txt", 0)):
        age(write(folder / name, os.urandom(size)))
    return tmp_path / "SGdata"


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def hashes(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def stored(station: Station) -> dict[str, str]:
    rows = FileRevision.objects.filter(file__station=station).select_related("file", "content")
    return {row.file.path: row.content.sha256 for row in rows}


def outcomes(uploader: AmqpUploader, place: Path) -> dict[str, tuple[str, str]]:
    results = list(upload_run(uploader, place, lambda *_: None))
    uploader.close()
    return {each.name: (each.outcome, each.reason) for each in results}


def local(path: Path) -> LocalFile:
    content = path.read_bytes()
    return LocalFile(path, path.name, len(content), path.stat().st_mtime, hashlib.sha256(content).hexdigest())


def test_a_folder_is_uploaded_without_an_address_of_the_site_and_is_known_afterwards(consumer, enrol, card, tmp_path):
    enrolled, config = enrol(), tmp_path / "agent.toml"
    config_write(config, {"serial": enrolled.station.serial, "amqp": asdict_of(enrolled.encrypted)})
    command = [sys.executable, "-m", "station_agent", "upload", str(card), "--json", "--config", str(config)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, (done.stdout, done.stderr)
    total = json.loads(done.stdout)["total"]
    assert (total["stored"], total["bytes_sent"]) == (3, 3 * WINDOW + 70_001)
    assert stored(enrolled.station) == hashes(card)
    assert set(Upload.objects.values_list("sender_name", flat=True)) == {enrolled.amqp.username}
    again = enrolled.uploader()
    assert {outcome for outcome, _reason in outcomes(again, card).values()} == {"known"}
    assert again.sent == 0


def test_a_worker_without_the_disk_of_the_site_leaves_files_to_others(
    stack, settings, tmp_path, enrol, card, monkeypatch, caplog
):
    settings.MEDIA_ROOT = tmp_path / "elsewhere"
    monkeypatch.setattr(files_consumer, "_DISK_LOOK_S", 0.01)
    made = FilesConsumer(django_settings.ROOST_FLEET_BROKER_URL)
    made.start()
    try:
        until(lambda: "is not on the site's disk" in caplog.text, "a word about the disk")
        with pika.BlockingConnection(pika.URLParameters(django_settings.ROOST_FLEET_BROKER_URL)) as connection:
            assert connection.channel().queue_declare(FILES_QUEUE, passive=True).method.consumer_count == 0
        place_mark()
        assert {outcome for outcome, _reason in outcomes(enrol().uploader(), card).values()} == {"stored"}
    finally:
        made.stop()
        made.join(PATIENCE_S)


def asdict_of(amqp: AmqpSettings) -> dict[str, Any]:
    return {name: getattr(amqp, name) for name in amqp.__struct_fields__}


def test_an_upload_goes_on_at_the_byte_however_its_beginning_arrived(consumer, enrol, tmp_path):
    enrolled, path = enrol(), write(tmp_path / "a.bin", os.urandom(5 * WINDOW))
    # The first part arrives over HTTPS.
    file, first = local(path), 300_000
    sender = UploadSender(key=f"station:{enrolled.station.pk}", name="over HTTPS", station=enrolled.station)
    asked = FileAsked("", file.name, file.size, file.sha256, None, resumes=True)
    begun = upload_begin(sender=sender, asked=asked)
    writer = upload_writer(upload=begun, offset=0)
    writer.write(path.read_bytes()[:first])
    writer.finish()

    class Killed(Exception):
        pass

    def kill(there: int) -> None:
        if there > 2 * WINDOW:
            raise Killed

    killed = enrolled.uploader()
    with pytest.raises(Killed):
        killed.upload(file, kill)
    killed.close()
    # Pieces that were on their way still arrive.
    until(lambda: part_size(begun.pk) == first + killed.sent, "the pieces on their way")
    consumer.stop()
    consumer.join(PATIENCE_S)
    after = FilesConsumer(django_settings.ROOST_FLEET_BROKER_URL)
    after.start()
    last = enrolled.uploader()
    assert last.upload(file, lambda _there: None) == "stored"
    last.close()
    after.stop()
    after.join(PATIENCE_S)
    assert first + killed.sent + last.sent == file.size
    assert Upload.objects.count() == 1
    assert stored(enrolled.station) == {"a.bin": file.sha256}


class Raw:
    """A station that says whatever the test wants, and collects the answers."""

    def __init__(self, enrolled: Enrolled) -> None:
        amqp = enrolled.amqp
        login = pika.PlainCredentials(amqp.username, amqp.password)
        self.connection = pika.BlockingConnection(pika.ConnectionParameters(amqp.host, amqp.port, amqp.vhost, login))
        self.channel = self.connection.channel()
        self.exchange, self.answers = amqp.exchange, list[dict[str, Any]]()
        self.channel.basic_consume(REPLY_TO, lambda *said: self.answers.append(json.loads(said[3])), auto_ack=True)

    def say(self, key: str, body: bytes, *, to: str = REPLY_TO, **headers: Any) -> None:
        self.channel.basic_publish(self.exchange, key, body, pika.BasicProperties(headers=headers, reply_to=to))

    def ask(self, content: bytes, **more: Any) -> dict[str, Any]:
        sha256 = hashlib.sha256(content).hexdigest()
        self.say(ASK_KEY, json.dumps({"path": "raw.bin", "size": len(content), "sha256": sha256, **more}).encode())
        return self.answer()

    def piece(self, upload: str, offset: int, body: bytes) -> dict[str, Any]:
        self.say(PIECE_KEY, body, upload=upload, offset=offset, turn=1)
        return self.answer()

    def answer(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_S
        while not self.answers:
            assert time.monotonic() < deadline, "no answer came"
            self.connection.process_data_events(0.1)
        return self.answers.pop(0)


def test_pieces_that_come_again_too_early_or_from_elsewhere_change_nothing(consumer, enrol, elsewhere, stack):
    enrolled, other = enrol(), enrol(elsewhere)
    raw, stranger, content = Raw(enrolled), Raw(other), os.urandom(1_000)
    upload = raw.ask(content, turn=1)["upload"]
    # A piece after a gap is not written, and another organization's station cannot add to this upload.
    assert raw.piece(upload, 500, content[500:])["state"] == "again"
    assert stranger.piece(upload, 0, content)["state"] == "again"
    assert part_size(upload) == 0
    for _again in range(2):
        assert raw.piece(upload, 0, content[:600]) == {"turn": 1, "state": "open", "upload": upload, "offset": 600}
    assert raw.piece(upload, 400, content[400:]) | {"reason": ""} == {
        "turn": 1, "state": "stored", "upload": upload, "offset": 1_000, "reason": "",
    }  # fmt: skip
    assert raw.piece(upload, 0, content)["state"] == "stored"
    assert raw.ask(content)["state"] == "known"
    # An empty piece gives up an upload and frees its place in the quota.
    given_back = raw.ask(content + b"x", turn=1)["upload"]
    assert raw.piece(given_back, 0, b"")["state"] == "again"
    assert not Upload.objects.filter(pk=given_back).exists()
    # An answer goes to the broker's own address only, not into a neighbour's queue of commands.
    victim = other.amqp.command_queue
    raw.say(ASK_KEY, b"{}", to=victim)
    assert raw.ask(content)["state"] == "known"
    assert stranger.channel.basic_get(victim, auto_ack=True)[0] is None
    for each in (raw, stranger):
        each.connection.close()


def test_what_is_refused_has_a_reason_and_a_flood_costs_only_itself(consumer, enrol, institute, tmp_path):
    enrolled, calm = enrol(), enrol()
    raw = Raw(enrolled)
    StoreAccount.objects.create(organization=institute, quota_octets=2_000_000)
    large = raw.ask(bytes(3_000_000))
    assert (large["state"], "may take 2000000 bytes" in large["reason"]) == ("refused", True)
    assert "8000000000" in raw.ask(b"x", size=9_000_000_000)["reason"]
    assert "`..`" in raw.ask(b"x", path="../x")["reason"]
    raw.say(ASK_KEY, b"\xff{")
    assert "announced" in raw.answer()["reason"]
    raw.say(PIECE_KEY, b"x", upload=7)
    assert "headers" in raw.answer()["reason"]
    open_id = raw.ask(b"abc")["upload"]
    assert "More bytes" in raw.piece(open_id, 0, b"abcd")["reason"]
    assert "at most" in raw.piece(open_id, 0, bytes(PIECE_MOST + 1))["reason"]
    changed = raw.piece(open_id, 0, b"abd")
    assert (changed["state"], "SHA-256" in changed["reason"]) == ("changed", True)
    # A station that never waits for answers is told to; meanwhile another one gets its file through.
    for _ in range(WAITING_MOST * 40):
        raw.say(PIECE_KEY, b"x" * 100, upload="0" * 32, offset=0, turn=2)
    path = write(tmp_path / "calm.bin", os.urandom(WINDOW))
    uploader = calm.uploader()
    assert uploader.upload(local(path), lambda _there: None) == "stored"
    uploader.close()
    until(lambda: raw.connection.process_data_events(0.1) or any(a["state"] == "later" for a in raw.answers), "a word")
    assert any("more about files than" in each.get("reason", "") for each in raw.answers)
    raw.answers.clear()
    Station.objects.filter(pk=enrolled.station.pk).update(retired_at=clock.now())
    until(lambda: "is retired" in raw.ask(b"new").get("reason", ""), "the refusal")
    raw.connection.close()


def test_an_agent_whose_site_is_away_sends_over_amqp_and_counts_it(consumer, enrol, card, make_station, monkeypatch):
    monkeypatch.setattr(ways, "AWAY_S", 0.0)
    monkeypatch.setattr("station_agent.manifest.uploading.GIVE_UP", 0.1)
    enrolled = enrol()
    station = make_station(
        amqp=enrolled.encrypted, server="http://127.0.0.1:9", sources={"sensorgnome": {"directory": str(card)}}
    )
    worker = UploadWorker(station, folders_read(str(card), []))
    files = [AskedFile(path=name, sha256=sha256) for name, sha256 in hashes(card).items()]
    worker._orders.add(UploadFiles(files=files, until=time.time() + 3_600))
    worker.work()
    assert worker.note.startswith("Uploads wait")
    # The link to the broker is not up either, so the site is tried again.
    worker.work()
    assert stored(enrolled.station) == {}
    station.vitals.publishing.connected_since = time.time()
    monkeypatch.setattr("station_agent.manifest.uploading.GIVE_UP", PATIENCE_S)
    worker.work()
    assert stored(enrolled.station) == hashes(card)
    assert {(each.path, each.end) for each in worker._orders.ended(10)} == {(name, "stored") for name in hashes(card)}
    used = data_use_store(station.outbox, station.vitals)
    assert used.sent > sum(each.sent for each in worker._orders.ended(10)) > 3 * WINDOW


def test_the_site_is_looked_at_again_and_files_wait_for_data(make_station):
    moment = [1_000.0]
    station = make_station(server="https://roost.example.org")
    way = ways.UploadWays(station, clock=lambda: moment[0])
    station.vitals.publishing.connected_since = time.time()
    way.site_away()
    seen = []
    for moment[0] in (1_000.0, 1_000.0 + ways.AWAY_S, 1_000.0 + ways.AWAY_S + ways.LOOK_S):
        seen += [str(way.choose()), str(way.choose())]
    assert seen == ["site", "site", "broker", "broker", "site", "broker"]
    way.site_works()
    assert way.choose() == "site"
    assert ways.UploadWays(make_station(server="")).choose() == "broker"
    # Files wait while old data waits for the link.
    assert way.may_send()
    station.event("test")
    assert way.may_send()
    with station.outbox.database.transaction() as sql:
        sql.execute("UPDATE outbox SET created_at = created_at - ?", (ways.LAG_S * 2,))
    assert not way.may_send()
    station.vitals.publishing.connected_since = None
    assert way.may_send()
