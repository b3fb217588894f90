"""An organization's login at Motus: entering, trying and forgetting it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urljoin

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import InvalidInput, NotFound, TooMany
from fleet.core.outbox import job_ask
from fleet.core.sealing import seal, unseal
from fleet.core.spoken import moment_words
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.sync.adapters.base import Row, SyncError
from fleet.sync.adapters.clients.motus import LoginRefused, MotusClient, plain
from fleet.sync.adapters.clients.motus_jobs import MotusJobs
from fleet.sync.models import MotusAccount, MotusDifference

#: Least pause between two tries by people; each refusal in a row doubles it, at most six times.
TRY_PAUSE: Final = timedelta(seconds=20)
_DOUBLED_MOST = 6
PROJECTS_MOST = 20
_NUMBER_MOST = 2**31 - 1
_PURPOSE: Final = "motus login"


@dataclass(frozen=True, slots=True)
class LoginAtMotus:
    """A login with its password, for one conversation."""

    login: str
    password: str


def account_of(organization: Organization) -> MotusAccount:
    """The organization's account, unsaved and empty if it never had one."""
    return MotusAccount.objects.filter(organization=organization).first() or MotusAccount(organization=organization)


def account_save(
    *,
    actor: Viewer,
    organization: Organization,
    login: str,
    password: str,
    project_ids: list[int],
    is_automatic: bool = False,
) -> MotusAccount:
    """Store a login and have it tried at once. An empty password keeps the stored one. `is_automatic`: also send files.

    Raises `Forbidden`, `TooMany`, and `InvalidInput` naming the field.
    """
    actor.require(Role.OWNER, organization=organization, to=_("change the Motus login of %(name)s"))
    login = login.strip()
    if not login:
        raise InvalidInput(_("Enter the login."), field="login")
    if len(project_ids) > PROJECTS_MOST or any(not 0 < number <= _NUMBER_MOST for number in project_ids):
        raise InvalidInput(_("Enter at most %(n)d numbers of projects.") % {"n": PROJECTS_MOST}, field="projects")
    with transaction.atomic():
        account = _locked(organization)
        _wait_check(account)
        if not password and (login != account.login or not account.sealed_password):
            raise InvalidInput(_("Enter the password of this login."), field="password")
        account.login = login
        if password:
            account.sealed_password = seal(password, purpose=_PURPOSE)
        account.project_ids = list(dict.fromkeys(project_ids))
        account.projects, account.answer, account.checked_at = {}, "", None
        account.is_refused, account.is_automatic, account.asked_at = False, is_automatic, clock.now()
        account.save()
        _written(actor, organization, "motus.login", projects=account.project_ids, is_automatic=is_automatic)
        job_ask("sync.check_motus", organization_id=organization.pk)
    return account


def account_ask(*, actor: Viewer, organization: Organization) -> None:
    """Have the stored login tried again. Raises `Forbidden`, `NotFound`, `TooMany`."""
    actor.require(Role.OWNER, organization=organization, to=_("try the Motus login of %(name)s"))
    with transaction.atomic():
        account = _locked(organization)
        if not account.login:
            raise NotFound(_("There is no Motus login to try."))
        _wait_check(account)
        account.asked_at = clock.now()
        account.save(update_fields=["asked_at"])
        _written(actor, organization, "motus.try")
        job_ask("sync.check_motus", organization_id=organization.pk)


def account_forget(*, actor: Viewer, organization: Organization) -> None:
    """Forget login and password. Raises `Forbidden` and `NotFound`."""
    actor.require(Role.OWNER, organization=organization, to=_("change the Motus login of %(name)s"))
    with transaction.atomic():
        account = _locked(organization)
        if not account.login:
            raise NotFound(_("There is no Motus login to delete."))
        account.login = account.sealed_password = account.answer = ""
        account.projects, account.project_ids, account.checked_at = {}, [], None
        account.read_answer, account.read_at, account.read_tried_at = "", None, None
        account.tags_answer, account.tags_read_at = "", None
        account.save()
        account.deployments.all().delete()
        account.tags.all().delete()
        MotusDifference.objects.filter(station__organization=organization).delete()
        _written(actor, organization, "motus.forget")


def account_check(*, organization_id: int) -> MotusAccount | None:
    """Ask Motus about the stored login and store its answer; None if there is no login."""
    account = (
        MotusAccount.objects.select_related("organization")
        .filter(organization=organization_id, organization__deleted_at=None)
        .exclude(login="")
        .first()
    )
    if account is None:
        return None
    sealed, moment = account.sealed_password, clock.now()
    with translation.override(account.organization.language):
        try:
            projects, clock_words = _projects(account)
            is_refused, answer = False, _answer_words(projects, account.project_ids) + clock_words
        except SyncError as error:
            projects, is_refused, answer = {}, isinstance(error, LoginRefused), str(error)
            if not is_refused:
                answer = _sentence(answer) + " " + _("Nothing is lost; Roost asks again within the hour.")
    # Do not touch a login entered meanwhile: it gets its own check.
    MotusAccount.objects.filter(pk=account.pk, sealed_password=sealed).update(
        projects=projects or account.projects,
        is_refused=is_refused,
        refusals=min(account.refusals + 1, _DOUBLED_MOST) if is_refused else 0,
        checked_at=moment,
        answer=answer,
    )
    account.refresh_from_db()
    return account


def login_of(account: MotusAccount) -> LoginAtMotus:
    """The login with its password decrypted. Raises `LoginRefused` if this server's key does not fit."""
    password = unseal(account.sealed_password, purpose=_PURPOSE)
    if password is None:
        raise LoginRefused(_("The stored password cannot be read with this server's key: enter it again."))
    return LoginAtMotus(account.login, password)


def client_of(account: MotusAccount) -> MotusClient:
    """A client of Motus' web interface with the organization's login. Raises `SyncError`."""
    opened = login_of(account)
    return MotusClient(
        base_url=settings.ROOST_MOTUS_URL, login=opened.login, password=opened.password, named=_("the login")
    )


def jobs_of(account: MotusAccount) -> MotusJobs:
    """A client of Motus' job and data servers with the organization's login. Raises `SyncError`."""
    opened = login_of(account)
    return MotusJobs(
        data_url=urljoin(settings.ROOST_MOTUS_URL, "sgdata/custom/"),
        status_url=settings.ROOST_MOTUS_STATUS_URL,
        login=opened.login,
        password=opened.password,
    )


def project_rows(client: MotusClient, entry: str, *, project: int, **parameters: str | int) -> list[Row]:
    """The rows of one project. Raises `SyncError`, which names the project if the login may not read it."""
    try:
        return client.rows(entry, projectID=project, **parameters)
    except SyncError as error:
        if "not authorized" not in str(error):
            raise
        raise SyncError(
            _(
                "Motus does not let the login read project %(project)d. Ask the project's lead for that right, or take its "
                "number out of the login."
            )
            % {"project": project}
        ) from None


def login_doubted(account: MotusAccount, error: LoginRefused) -> str:
    """Check the login, because Motus' data server refused it; return a sentence with the outcome.

    That server refuses every login while it cannot reach the server that knows the logins.
    """
    tried = account_check(organization_id=account.organization_id)
    if tried is None or tried.is_refused:
        return str(error)
    return _sentence(str(error)) + " " + _("Motus itself accepts the login, so Roost asks again.")


def reading_failed(error: SyncError) -> str:
    """A sentence saying why a reading failed, and that earlier data stays."""
    if isinstance(error, LoginRefused):
        return str(error)
    return _sentence(str(error)) + " " + _("What was read before stays; Roost reads again within the hour.")


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _locked(organization: Organization) -> MotusAccount:
    MotusAccount.objects.get_or_create(organization=organization)
    return MotusAccount.objects.select_for_update().get(organization=organization)


def _wait_check(account: MotusAccount) -> None:
    """Raise `TooMany` if the last try is too recent: nobody may guess passwords at Motus through Roost."""
    moment, pause = clock.now(), TRY_PAUSE * 2**account.refusals
    if account.asked_at is not None and moment - account.asked_at < pause:
        raise TooMany(
            _("This login was tried %(moment)s. The next try is possible %(until)s.")
            % {
                "moment": moment_words(account.asked_at, moment),
                "until": moment_words(account.asked_at + pause, moment),
            }
        )


def _projects(account: MotusAccount) -> tuple[dict[str, str], str]:
    """The login's projects, and a sentence if this server's clock is wrong."""
    with client_of(account) as client:
        answer = client.ask("user/validate")
        clock_words = _clock_words(client.clock_behind)
    told = answer.get("projects")
    if told is None:
        return {}, clock_words
    if not isinstance(told, dict):
        raise SyncError(_("Motus accepted the login, but listed its projects in a form that Roost does not know."))
    return {plain(str(number)): plain(str(name)) for number, name in told.items()}, clock_words


def _clock_words(behind: timedelta | None) -> str:
    if behind is None:
        return ""
    minutes = round(behind.total_seconds() / 60)
    words = (
        _("This server's clock is %(n)d min behind Motus' clock: have its administrator check it.")
        if minutes > 0
        else _("This server's clock is %(n)d min ahead of Motus' clock: have its administrator check it.")
    )
    return " " + words % {"n": abs(minutes)}


def _answer_words(projects: dict[str, str], wanted: list[int]) -> str:
    if not projects:
        return _("Motus accepts the login, but it belongs to no project. Ask the lead of your project to add it there.")
    named = ", ".join(f"{number} {name}".strip() for number, name in list(projects.items())[:PROJECTS_MOST])
    if len(projects) > PROJECTS_MOST:
        named += " …"
    missing = [str(number) for number in wanted if str(number) not in projects]
    if missing:
        return _("Motus accepts the login, but it has no rights in project %(missing)s. Its projects: %(named)s.") % {
            "missing": ", ".join(missing),
            "named": named,
        }
    if not wanted and len(projects) > PROJECTS_MOST:
        return _("Motus accepts the login. It has %(n)d projects: choose those of this organization.") % {
            "n": len(projects)
        }
    return _("Motus accepts the login. Its projects: %(named)s.") % {"named": named}


def _written(actor: Viewer, organization: Organization, action: str, **detail: object) -> None:
    audit_write(
        actor=actor.user,
        organization_id=organization.pk,
        action=action,
        subject=organization.name,
        detail={**detail, "by": actor.name},
    )
