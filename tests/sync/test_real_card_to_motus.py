"""The real card's whole way: stored, rows in the database, sent to Motus, accepted, and known when it comes again."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from agent.test_replay import grep_counted
from backfill.conftest import sent, store_card, surveyed
from cards.conftest import REAL_CARD
from cards.test_card_send import ingest, queues, rows
from sync.motus_files import NOW, run, send

from fleet.files.store.models import FileRevision
from fleet.sync.adapters.clients import motus as motus_client
from fleet.sync.models import MotusDeployment, MotusUpload

__all__ = ["ingest", "queues"]

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not REAL_CARD.is_dir(), reason="the real card is not on this machine"),
]


@pytest.fixture
def card_stored(settings, tmp_path, station, account, monkeypatch):
    """The card in the store, of a station that Motus knows since 2021; the number of its files."""
    monkeypatch.setattr(motus_client, "_backing_off", lambda _state: 0.01)
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.MEDIA_ROOT.mkdir()
    MotusDeployment.objects.filter(account=account).update(starts_at=datetime(2021, 3, 1, tzinfo=UTC))
    shutil.copytree(REAL_CARD, tmp_path / "card", copy_function=shutil.copyfile)
    return store_card(station, tmp_path / "card")


def test_a_real_card_is_stored_read_sent_accepted_and_known_the_next_time(
    motus, card_stored, station, institute, owner, ingest, tmp_path
):
    assert FileRevision.objects.filter(file__station=station).count() == card_stored
    done = sent(surveyed(station))
    counted = grep_counted(tmp_path / "card")
    assert (done.state, rows()) == ("done", counted)
    with time_machine.travel(NOW, tick=False):
        run(institute)
        assert set(MotusUpload.objects.values_list("state", flat=True)) == {"found"}
        named = [file["name"] for upload in MotusUpload.objects.all() for file in upload.files]
        assert len(named) == card_stored, "each file of the card is in an archive, or refused there with a reason"
        send(owner, institute)
        assert set(MotusUpload.objects.values_list("state", flat=True)) == {"sent"}
        for job in motus.uploads.jobs.values():
            job.done = job.parts_done = 1
    with time_machine.travel(NOW + timedelta(hours=1), tick=False):
        run(institute)
        assert set(MotusUpload.objects.values_list("state", flat=True)) == {"data"}
        days, bodies = MotusUpload.objects.count(), len(motus.uploads.received)
        assert bodies == days
        # All over again, as on a server that knows only its stored files.
        MotusUpload.objects.all().delete()
        run(institute)
        send(owner, institute)
        assert set(MotusUpload.objects.values_list("state", flat=True)) == {"known"}
        assert len(motus.uploads.received) == bodies, "nothing was sent again"
    assert rows() == counted
