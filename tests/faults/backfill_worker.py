"""Stores files, asks for a back-fill, or works on one until it is over; run with a rig's environment."""

import hashlib
import sys
import time
from pathlib import Path

import django
import django.utils.timezone

django.setup(set_prefix=False)

from fleet.files.store.settling import upload_settle  # noqa: E402 - Django first
from fleet.files.store.uploads import (  # noqa: E402
    FileAsked,
    UploadSender,
    upload_begin,
    upload_writer,
)
from fleet.ingest.backfill import pieces  # noqa: E402
from fleet.ingest.backfill.services import backfill_answer, backfill_ask  # noqa: E402
from fleet.ingest.backfill.turns import backfills_work  # noqa: E402
from fleet.ingest.cards.services import CardAnswers  # noqa: E402
from fleet.ingest.models import Backfill  # noqa: E402
from fleet.organizations.access import viewer_of_server  # noqa: E402
from fleet.stations.selectors import station_get  # noqa: E402

SERVER = viewer_of_server("fault rig")
#: Small pieces, so that a kill hits one in its middle.
pieces.PIECE_FILES = 2


def ask(serial: str, card: Path) -> None:
    """Store the files of a card, and ask for a back-fill of them."""
    station = station_get(viewer=SERVER, serial=serial)
    sender = UploadSender(key=f"station:{station.pk}", name=serial, station=station)
    for path in sorted(path for path in card.rglob("*") if path.is_file()):
        content = path.read_bytes()
        asked = FileAsked(
            serial=serial,
            path=str(path.relative_to(card)),
            octets=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            modified_at=None,
            resumes=False,
        )
        upload = upload_begin(sender=sender, asked=asked)
        writer = upload_writer(upload=upload, offset=0)
        writer.write(content)
        writer.finish()
        assert upload_settle(upload).state == "stored"
    backfill_ask(actor=SERVER, station=station)


def work() -> None:
    """Take turns as the job does; answer what is surveyed, as a person would."""
    while Backfill.objects.filter(state__in=["surveying", "surveyed", "sending"]).exists():
        # Retry at once while the broker is away: the test cannot wait for minutes.
        Backfill.objects.update(due_at=django.utils.timezone.now())
        if not backfills_work():
            time.sleep(0.1)
        for surveyed in Backfill.objects.filter(state="surveyed"):
            backfill_answer(actor=SERVER, backfill=surveyed, answers=CardAnswers())
    time.sleep(3_600)


if __name__ == "__main__":
    ask(sys.argv[2], Path(sys.argv[3])) if sys.argv[1] == "ask" else work()
