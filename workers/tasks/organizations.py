"""Organization and account tasks: purge deleted organizations, unconfirmed sign-ups and old sessions."""

from typing import Any

from celery import shared_task

from fleet.lifecycle.purge_organization import organizations_end
from fleet.organizations.people import people_prune, sessions_prune


@shared_task(name="organizations.purge_deleted")
def purge_deleted(**_: Any) -> None:
    """Permanently remove deleted organizations, step by step."""
    organizations_end()


@shared_task(name="organizations.prune_people")
def prune_people(**_: Any) -> None:
    """Delete unconfirmed sign-ups and expired sessions."""
    people_prune()
    sessions_prune()
