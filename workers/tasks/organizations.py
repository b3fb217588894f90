"""Tasks about organizations and people: the end of what was deleted or never confirmed, and of old sessions."""

from typing import Any

from celery import shared_task

from fleet.lifecycle.purge_organization import organizations_end
from fleet.organizations.people import people_prune, sessions_prune


@shared_task(name="organizations.purge_deleted")
def purge_deleted(**_: Any) -> None:
    """Remove them for good, step by step."""
    organizations_end()


@shared_task(name="organizations.prune_people")
def prune_people(**_: Any) -> None:
    """Delete sign-ups that nobody confirmed, and sessions that have run out."""
    people_prune()
    sessions_prune()
