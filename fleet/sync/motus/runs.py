"""Runs over the Motus logins of all organizations: one at a time for each, and none with a refused login."""

import logging
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.locks import session_lock
from fleet.sync.models import MotusAccount
from fleet.sync.motus.accounts import account_check
from fleet.sync.motus.deployments import deployments_read
from fleet.sync.motus.fate import uploads_follow
from fleet.sync.motus.finding import uploads_find
from fleet.sync.motus.reconciling import receivers_reconcile
from fleet.sync.motus.sending import uploads_send
from fleet.sync.motus.tags import tags_read
from fleet.sync.motus.uploads import found_queue

_log = logging.getLogger(__name__)

#: Errors that unforeseen values in Motus' answers raise. The time limit of a job is not among them.
_ODD = (ValueError, ArithmeticError, LookupError, TypeError, AttributeError, DatabaseError)

#: Motus' own server does not ask more often either.
_LEAST_INTERVAL = timedelta(minutes=10)
_SEARCH_EVERY = timedelta(hours=1)


def account_run(*, organization_id: int) -> None:
    """Check the login and, if Motus accepts it, read the deployments and tags of its projects."""
    with session_lock(f"roost.motus.{organization_id}") as is_ours:
        if not is_ours:
            return
        account = account_check(organization_id=organization_id)
        if account is not None and not account.is_refused and account.projects:
            deployments_read(account=account)
            tags_read(account=account)


def accounts_run_due() -> None:
    """Read the projects of every organization whose last reading is old enough. For the scheduler."""
    interval = max(timedelta(seconds=settings.ROOST_SYNC_INTERVAL_S), _LEAST_INTERVAL)
    due = (
        MotusAccount.objects.filter(organization__deleted_at=None, is_refused=False)
        .exclude(login="")
        .filter(Q(read_tried_at=None) | Q(read_tried_at__lte=clock.now() - interval))
        .order_by("read_tried_at")
    )
    for organization_id in due.values_list("organization_id", flat=True):
        account_run(organization_id=organization_id)


def files_run(*, organization_id: int, is_searching: bool) -> None:
    """Find new files if `is_searching`, compare with Motus, queue if the login is automatic, send, and follow."""
    with session_lock(f"roost.motus.files.{organization_id}") as is_ours:
        account = (
            MotusAccount.objects.select_related("organization")
            .filter(organization=organization_id, organization__deleted_at=None, is_refused=False)
            .exclude(login="")
            .first()
        )
        if not is_ours or account is None:
            return
        if is_searching:
            uploads_find(account=account)
        # Before queueing, because this recognises stations that upload by themselves.
        receivers_reconcile(account=account)
        if account.is_automatic:
            found_queue(account=account)
        uploads_send(account=account)
        uploads_follow(account=account)


def files_run_due() -> None:
    """The same for all organizations. The files of those that send automatically are searched once an hour."""
    late = clock.now() - _SEARCH_EVERY
    accounts = MotusAccount.objects.filter(organization__deleted_at=None, is_refused=False).exclude(login="")
    for organization_id, language, is_automatic, found_at in accounts.values_list(
        "organization_id", "organization__language", "is_automatic", "files_found_at"
    ):
        is_searching = is_automatic and (found_at is None or found_at <= late)
        try:
            files_run(organization_id=organization_id, is_searching=is_searching)
        except _ODD:
            # Motus answered something unforeseen: go on with the other organizations.
            _log.exception("The files of organization %d at Motus could not be worked on", organization_id)
            with translation.override(language):
                answer = _(
                    "Something that Motus answered could not be used: the server's log says what. Roost asks again."
                )
            MotusAccount.objects.filter(organization_id=organization_id).update(files_answer=answer)
