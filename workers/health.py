"""Health of the job system: sends a canary task through a Celery queue and waits for its row in the database."""

import time
import uuid

from fleet.core.models import Pulse
from workers.celery_app import app


def canary_roundtrip(queue: str, timeout: float = 10.0) -> float | None:
    """Seconds from sending a task through `queue` to its committed row; None if it did not arrive in time."""
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
