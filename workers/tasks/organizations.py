"""Tasks about organizations: the end of those that were deleted 30 days ago."""

from typing import Any

from celery import shared_task

from fleet.telemetry.belongings import organizations_end


@shared_task(name="organizations.purge_deleted")
def purge_deleted(**_: Any) -> None:
    """Remove them for good, step by step."""
    organizations_end()
