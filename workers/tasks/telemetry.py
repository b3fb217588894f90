"""Telemetry storage tasks: create partitions ahead, rebuild roll-ups, delete expired data, and fill cold storage."""

import logging
from typing import Any

from celery import shared_task
from django.db import IntegrityError, OperationalError

from fleet.alerts.server_problems.administrators import administrators_tell
from fleet.core.errors import Unavailable
from fleet.telemetry.clearing.retention import retention_run
from fleet.telemetry.cold.services import cold_run
from fleet.telemetry.heard.tag_hours import tag_hours_fill
from fleet.telemetry.partitions import default_trouble, partitions_ensure, partitions_trouble
from fleet.telemetry.rollups import rollups_rebuild

_log = logging.getLogger(__name__)


@shared_task(name="telemetry.make_partitions")
def make_partitions(**_: Any) -> None:
    """Create the partitions that are due, and report problems to the administrators."""
    strayed = default_trouble()
    try:
        made = partitions_ensure()
    except (OperationalError, IntegrityError) as error:
        _log.warning("Partitions were not made, the next run tries again: %s", error)
    else:
        if made:
            _log.info("Made partitions: %s", ", ".join(made))
    # Rows found in DEFAULT have been moved by now, but administrators should still hear that they were there.
    trouble = strayed or partitions_trouble()
    if trouble is not None:
        administrators_tell(about="partitions", trouble=trouble)


@shared_task(name="telemetry.rebuild_rollups")
def rebuild_rollups(**_: Any) -> None:
    """Rebuild the roll-ups of hours and days that received data; count tags in hours older than that feature."""
    try:
        rollups_rebuild()
    except Unavailable as error:
        _log.warning("Hours of cold months were not rebuilt, the next run tries again: %s", error)
    tag_hours_fill()


@shared_task(name="telemetry.run_retention")
def run_retention(**_: Any) -> None:
    """Delete data that is older than the retention rules allow."""
    retention_run()


@shared_task(name="telemetry.move_cold")
def move_cold(**_: Any) -> None:
    """Move readings and detections of past months to cold storage, and merge late ones."""
    for name, moved in cold_run().items():
        if moved.failed:
            trouble = (
                f"Of {name}, {moved.failed} months were not moved to cold storage: the log of the task worker says why."
            )
            administrators_tell(about=f"cold storage of {name}", trouble=trouble)
