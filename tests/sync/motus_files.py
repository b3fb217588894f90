"""Files of one station as they are named on its card, and running what sends them to Motus."""

from datetime import UTC, datetime

from fleet.sync.models import MotusUpload
from fleet.sync.motus.runs import files_run
from fleet.sync.motus.uploads import uploads_queue

SERIAL = "SG-7F5ERPI46977"
NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


def name(day=1, hour=5, boot=123, part="7F5ERPI46977", end=".gz"):
    return f"changeMe-{part}-{boot:06d}-2026-05-{day:02d}T{hour:02d}-06-07.1234P-all.txt{end}"


def run(institute, *, is_searching=True):
    files_run(organization_id=institute.pk, is_searching=is_searching)
    return {(one.day.day, one.state): one for one in MotusUpload.objects.all()}


def send(owner, institute):
    uploads_queue(actor=owner, organization=institute)
    return run(institute, is_searching=False)


def states():
    return sorted(MotusUpload.objects.values_list("day__day", "state"))


def only():
    return MotusUpload.objects.get()
