"""People: creating them, their language, time zone, password and rights, and deleting them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import Forbidden, InvalidInput, NotFound
from fleet.core.zones import zone_of
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Membership, Organization, Person

#: How long somebody who signed up may take to confirm the address.
UNCONFIRMED_KEPT = timedelta(days=7)
_STEP = 1_000
#: An address that is not confirmed yet may belong to several people.
_SAME_ADDRESS = 10


@transaction.atomic
def person_add(*, actor: Viewer, username: str, email: str, password: str, is_admin: bool = False) -> User:
    """Create a login whose address needs no confirmation, as an administrator vouches for it. Raises `InvalidInput`."""
    _server_require(actor)
    user = User(username=username.strip(), email=email.strip().lower(), is_staff=is_admin, is_superuser=is_admin)
    try:
        User.username_validator(user.username)
        validate_email(user.email)
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(" ".join(error.messages)) from error
    if User.objects.filter(username__iexact=user.username).exists():
        raise InvalidInput(
            _("There is already a person named %(name)s: choose another name.") % {"name": repr(user.username)},
            field="username",
        )
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
            EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    except IntegrityError as error:
        raise InvalidInput(
            _("The address %(email)s already belongs to somebody: choose another.") % {"email": user.email},
            field="email",
        ) from error
    audit_write(actor=actor.user, organization_id=None, action="person.add", subject=user.username)
    return user


def person_list(*, actor: Viewer) -> QuerySet[User]:
    """Everybody with a login, by name; for administrators of the server."""
    _server_require(actor)
    return User.objects.order_by("username").prefetch_related("memberships__organization", "emailaddress_set")


def person_get(*, actor: Viewer, username: str) -> User:
    """One person by login name, in any case. Raises `NotFound`."""
    found = person_list(actor=actor).filter(username__iexact=username).first()
    if found is None:
        raise NotFound(
            _("There is no person %(name)s. List the names with: ./roost user list") % {"name": repr(username)}
        )
    return found


@transaction.atomic
def person_password_set(*, actor: Viewer, user: User, password: str) -> None:
    """Set a new password; this ends every session of the person. Raises `InvalidInput`."""
    _server_require(actor)
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(" ".join(error.messages), field="password") from error
    user.set_password(password)
    user.save(update_fields=["password"])
    audit_write(actor=actor.user, organization_id=None, action="person.password", subject=user.username)


@transaction.atomic
def person_admin_set(*, actor: Viewer, user: User, is_admin: bool) -> None:
    """Make a person a server administrator, or no longer one; the last one has to stay. Raises `InvalidInput`."""
    _server_require(actor)
    # Two administrators who demote each other at the same moment would leave none, so the rows are locked in one order.
    admins = list(User.objects.select_for_update().filter(is_superuser=True, is_active=True).order_by("id"))
    if not is_admin and [admin.pk for admin in admins] == [user.pk]:
        raise InvalidInput(_("This is the last administrator: make another one first."))
    User.objects.filter(pk=user.pk).update(is_superuser=is_admin, is_staff=is_admin)
    audit_write(
        actor=actor.user,
        organization_id=None,
        action="person.admin",
        subject=user.username,
        detail={"is_admin": is_admin},
    )


def person_language(*, user: User) -> str:
    """The language the person chose; empty for none."""
    return Person.objects.filter(user=user).values_list("language", flat=True).first() or ""


def person_language_set(*, user: User, language: str) -> None:
    """Store the language the person chose."""
    Person.objects.update_or_create(user=user, defaults={"language": language})


def person_has_tiles(*, user: User) -> bool:
    """Whether lists of files are shown to the person as tiles."""
    return Person.objects.filter(user=user, files_view="tiles").exists()


def person_tiles_set(*, user: User, has_tiles: bool) -> None:
    """Store whether lists of files are shown as tiles."""
    Person.objects.update_or_create(user=user, defaults={"files_view": "tiles" if has_tiles else ""})


def person_timezone_set(*, user: User, name: str) -> None:
    """Store the time zone the person chose. Raises `InvalidInput` for an unknown one."""
    zone = zone_of(name)
    if zone is None:
        raise InvalidInput(_("There is no such timezone: choose one from the list."), field="timezone")
    Person.objects.update_or_create(user=user, defaults={"timezone": zone.key})


def person_timezone_found(*, user: User, name: str) -> str:
    """Store the browser's time zone, unless the person has one already; return the one that now applies."""
    person, _is_new = Person.objects.get_or_create(user=user)
    if (zone := zone_of(name)) is not None and not person.timezone:
        Person.objects.filter(user=user, timezone="").update(timezone=zone.key)
        person.refresh_from_db(fields=["timezone"])
    user.person = person
    return person.timezone


@contextmanager
def speaking_to(*, email: str, organization: Organization | None = None) -> Iterator[None]:
    """Write in the language and time zone of the person with this address, otherwise in those of the organization."""
    language, name = _address_choices(email)
    if organization is not None:
        language, name = language or organization.language, name or organization.timezone
    with translation.override(language or translation.get_language()), timezone.override(zone_of(name)):
        yield


def _address_choices(email: str) -> tuple[str, str]:
    """Language and time zone of the person with this address, each empty if unknown."""
    people = (
        Person.objects.filter(Q(user__emailaddress__email=email.lower()) | Q(user__email__iexact=email))
        .order_by(F("user__emailaddress__verified").desc(nulls_last=True), "pk")
        .values_list("language", "timezone")
    )
    found = list(people[:_SAME_ADDRESS]) if email else []
    language = next((language for language, _zone in found if language), "")
    return language, next((zone for _language, zone in found if zone), "")


def organizations_alone(*, user: User) -> list[Organization]:
    """Organizations that would have no owner without this person."""
    others = Membership.objects.filter(organization=OuterRef("pk"), role=Role.OWNER, user__is_active=True)
    return list(
        Organization.objects.filter(memberships__user=user, memberships__role=Role.OWNER, deleted_at=None)
        .exclude(Exists(others.exclude(user=user)))
        .order_by("name")
    )


@transaction.atomic
def person_delete(*, user: User) -> None:
    """Delete a person's own account: login, addresses, personal keys, memberships. What the person did is not undone.

    Raises `InvalidInput` if an organization would be left without an owner, or the server without an administrator.
    """
    held = Membership.objects.filter(user=user).values_list("organization_id", flat=True)
    # Two owners who leave at the same moment would leave none, so the rows are locked in one order.
    list(Organization.objects.select_for_update(no_key=True).filter(id__in=list(held)).order_by("id"))
    alone = organizations_alone(user=user)
    if alone:
        raise InvalidInput(
            _("You are the last owner of %(names)s. Make somebody else an owner, or delete it, first.")
            % {"names": ", ".join(organization.name for organization in alone)}
        )
    if user.is_superuser:
        admins = list(User.objects.select_for_update().filter(is_superuser=True, is_active=True).order_by("id"))
        if [admin.pk for admin in admins] == [user.pk]:
            raise InvalidInput(_("You are the last administrator of this server: make another one first."))
    for organization_id in held:
        audit_write(actor=user, organization_id=organization_id, action="member.leave", subject=user.username)
    audit_write(actor=user, organization_id=None, action="person.delete", subject=user.username)
    user.delete()


def people_prune() -> int:
    """Delete sign-ups that were never confirmed within a week, so that their names are free again; return how many."""
    confirmed = EmailAddress.objects.filter(user=OuterRef("pk"), verified=True)
    given = EmailAddress.objects.filter(user=OuterRef("pk"))
    never = User.objects.filter(
        Exists(given),
        ~Exists(confirmed),
        last_login=None,
        date_joined__lt=clock.now() - UNCONFIRMED_KEPT,
        memberships=None,
        is_staff=False,
        is_superuser=False,
    )
    numbers = list(never.values_list("pk", flat=True)[:_STEP])
    # Somebody may confirm right now, so the deletion checks the conditions again.
    User.objects.filter(pk__in=numbers).filter(~Exists(confirmed), last_login=None).delete()
    return len(numbers)


def sessions_prune() -> None:
    """Delete expired sessions, and the device records of sessions that no longer exist."""
    Session.objects.filter(expire_date__lt=clock.now()).delete()
    alive = Session.objects.filter(session_key=OuterRef("session_key"))
    UserSession.objects.filter(~Exists(alive)).delete()


def _server_require(actor: Viewer) -> None:
    if not actor.sees_all:
        raise Forbidden(_("Only administrators of the server can do that."))
