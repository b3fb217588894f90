"""Whether jobs run: a canary through a Celery queue that has to leave its sign in the database."""

import time
import uuid

from fleet.core.models import Pulse
from workers.celery_app import app


def canary_roundtrip(queue: str, timeout: float = 10.0) -> float | None:
    """Seconds that a task took through `queue` and a worker to a committed row; None when it did not arrive."""
    name = f"canary.{queue}.{uuid.uuid4().hex[:12]}"
    started = time.monotonic()
    app.send_task("core.touch_canary", kwargs={"name": name}, queue=queue, expires=timeout)
    try:
        while time.monotonic() - started < timeout:
            if Pulse.objects.filter(name=name).exists():
                return time.monotonic() - started
            time.sleep(0.05)
    finally:
        Pulse.objects.filter(name=name).delete()
    return None
