"""Uploads to Motus as people see and manage them: lists, searching for files, and queueing."""

from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import Conflict, NotFound, TooMany
from fleet.core.outbox import job_ask
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.sync.models import MotusAccount, MotusDay, MotusReceiver, MotusUpload

State = MotusUpload.State
#: Least pause between two searches that people ask for.
SEARCH_PAUSE: Final = timedelta(seconds=20)


def upload_list(*, organization: Organization, state: str = "", serial: str = "") -> QuerySet[MotusUpload]:
    """The organization's uploads, newest day first, or only one station's. It checks no rights."""
    found = MotusUpload.objects.filter(account__organization=organization).order_by("-day", "-id")
    found = found.filter(serial=serial) if serial else found
    return found.filter(state=state) if state else found


def day_at_motus(upload: MotusUpload) -> MotusDay | None:
    """The comparison with Motus for the upload's day; None if there is none yet."""
    days = MotusDay.objects.filter(receiver__account=upload.account_id, receiver__serial=upload.serial)
    return days.filter(day=upload.day).first()


def upload_counts(*, organization: Organization, serial: str = "") -> dict[str, int]:
    """How many uploads are in each state."""
    return dict(
        upload_list(organization=organization, serial=serial).order_by().values_list("state").annotate(n=Count("pk"))
    )


def upload_get(*, organization: Organization, upload_id: int) -> MotusUpload:
    """One upload of the organization. Raises `NotFound`."""
    found = upload_list(organization=organization).filter(pk=upload_id).first()
    if found is None:
        raise NotFound(_("There is no such upload."))
    return found


def upload_search(*, actor: Viewer, organization: Organization) -> None:
    """Have new files searched now, in the background. Raises `Forbidden`, `NotFound`, `TooMany`."""
    _check(actor, organization)
    moment = clock.now()
    with transaction.atomic():
        account = MotusAccount.objects.select_for_update().filter(organization=organization).exclude(login="").first()
        if account is None:
            raise NotFound(_("This organization has no login at Motus."))
        if account.files_asked_at is not None and moment - account.files_asked_at < SEARCH_PAUSE:
            raise TooMany(_("A search began a few seconds ago. Load this page again to see what it found."))
        account.files_asked_at = moment
        account.save(update_fields=["files_asked_at"])
        job_ask("sync.run_motus_files", organization_id=organization.pk)


def upload_queue(*, actor: Viewer, organization: Organization, upload_id: int) -> None:
    """Queue one upload, even if it is held or was refused. Raises `Forbidden`, `NotFound`, `Conflict`."""
    _check(actor, organization)
    upload = upload_get(organization=organization, upload_id=upload_id)
    if all(each["refusal"] for each in upload.files):
        raise Conflict(_("None of its files can be used, so there is nothing to send."))
    with transaction.atomic():
        if not _queue(MotusUpload.objects.filter(pk=upload.pk, state__in=(State.FOUND, State.HELD, State.REFUSED))):
            raise Conflict(_("It is queued or sent already."))
        _written(actor, organization, f"{upload.serial} {upload.day}", 1)
        job_ask("sync.run_motus_files")


def uploads_queue(*, actor: Viewer, organization: Organization) -> int:
    """Queue all uploads that passed the checks; return how many. Raises `Forbidden` and `Conflict`."""
    _check(actor, organization)
    with transaction.atomic():
        number = _queue(upload_list(organization=organization, state=State.FOUND).order_by())
        if not number:
            raise Conflict(_("Nothing is ready to be sent."))
        _written(actor, organization, organization.name, number)
        job_ask("sync.run_motus_files")
    return number


def found_queue(*, account: MotusAccount) -> None:
    """Queue all uploads of the account that passed the checks, once Motus has said what it has of their station."""
    asked = MotusReceiver.objects.filter(account=account).exclude(asked_at=None).values("serial")
    _queue(MotusUpload.objects.filter(account=account, state=State.FOUND, serial__in=asked))


def _queue(uploads: QuerySet[MotusUpload]) -> int:
    return uploads.update(state=State.QUEUED, attempts=0, next_try_at=None, settled_at=None, held_for="")


def _check(actor: Viewer, organization: Organization) -> None:
    actor.require(Role.OPERATOR, organization=organization, to=_("send files of %(name)s to Motus"))


def _written(actor: Viewer, organization: Organization, subject: str, number: int) -> None:
    audit_write(
        actor=actor.user,
        organization_id=organization.pk,
        action="motus.send",
        subject=subject,
        detail={"uploads": number, "by": actor.name},
    )
