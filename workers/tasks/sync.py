"""Tasks that check outside systems, periodically or at a person's request."""

import logging
from typing import Any

from celery import shared_task

from fleet.alerts.server_problems.motus_folder import motus_folder_judge
from fleet.core.errors import DomainError
from fleet.sync.motus.runs import account_run, accounts_run_due, files_run, files_run_due
from fleet.sync.services import sync_run, sync_run_due

_log = logging.getLogger(__name__)


@shared_task(name="sync.run_periodic")
def run_periodic(**_: Any) -> None:
    """Check every outside system that is due."""
    sync_run_due()


@shared_task(name="sync.run_system")
def run_system(*, system: str, started_by: str = "", believed_rows: int | None = None, **_: Any) -> None:
    """Check one outside system now, at a person's request."""
    try:
        sync_run(system=system, started_by=started_by, believed_rows=believed_rows)
    except DomainError as error:
        _log.info("The check of %s was not started: %s", system, error)


@shared_task(name="sync.check_motus")
def check_motus(*, organization_id: int, **_: Any) -> None:
    """Try an organization's login at Motus, and read its projects' deployments and tags."""
    account_run(organization_id=organization_id)


@shared_task(name="sync.run_motus")
def run_motus(**_: Any) -> None:
    """Read the deployments and tags of projects at Motus, for every organization that is due."""
    accounts_run_due()


@shared_task(name="sync.run_motus_files")
def run_motus_files(*, organization_id: int | None = None, **_: Any) -> None:
    """Send files to Motus and follow them: for one organization at a person's request, or for all on schedule."""
    if organization_id is None:
        files_run_due()
        motus_folder_judge()
    else:
        files_run(organization_id=organization_id, is_searching=True)
