"""Stored files of a station, put there as uploads, and back-fills of them."""

import hashlib
from pathlib import Path

import pytest
from cards.conftest import card, organization, station
from cards.test_card_send import ingest, queues, rows

from fleet.files.models import FileRevision
from fleet.files.store.contents import content_name, contents_storage
from fleet.files.store.uploads import FileAsked, UploadSender, upload_begin, upload_settle, upload_writer
from fleet.ingest.backfill.services import backfill_answer, backfill_ask
from fleet.ingest.backfill.turns import backfills_work
from fleet.ingest.cards.services import CardAnswers
from fleet.organizations.access import viewer_of_server

__all__ = ["card", "ingest", "organization", "queues", "rows", "station"]

SERVER = viewer_of_server("test")


@pytest.fixture(autouse=True)
def store_here(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.MEDIA_ROOT.mkdir()


def store(station, path, content) -> FileRevision:
    """Store a file as its station uploads it."""
    asked = FileAsked(
        serial=station.serial, path=path, octets=len(content), sha256=hashlib.sha256(content).hexdigest(),
        modified_at=None, resumes=False,
    )  # fmt: skip
    sender = UploadSender(key=f"station:{station.pk}", name=station.serial, station=station)
    upload = upload_begin(sender=sender, asked=asked)
    if upload.state == "open":
        writer = upload_writer(upload=upload, offset=0)
        writer.write(content)
        writer.finish()
        upload = upload_settle(upload)
    assert upload.state in {"stored", "known"}, upload.reason
    return FileRevision.objects.filter(file__station=station, file__path=path).latest("number")


def content_path(content) -> Path:
    """Path of a content on the disk."""
    return Path(contents_storage(content.place).path(content_name(content.sha256)))


def store_card(station, folder, place="") -> int:
    """Store every file below a folder; return how many there are."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        store(station, f"{place}{path.relative_to(folder)}", path.read_bytes())
    return len(files)


def worked(backfill):
    """Work on the back-fill until no turn is left; return it."""
    while backfills_work():
        pass
    backfill.refresh_from_db()
    return backfill


def surveyed(station, **chosen):
    return worked(backfill_ask(actor=SERVER, station=station, **chosen))


def sent(backfill, **answers):
    return worked(backfill_answer(actor=SERVER, backfill=backfill, answers=CardAnswers(**answers)))
