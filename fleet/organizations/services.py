"""Creating and changing organizations."""

import unicodedata
from typing import TypedDict, Unpack
from zoneinfo import available_timezones

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import Forbidden, InvalidInput, TooMany
from fleet.organizations.access import Role, Viewer
from fleet.organizations.addresses import address_check
from fleet.organizations.lookalikes import look_of, scripts_check
from fleet.organizations.members import member_add, member_write, organization_lock, owner_require
from fleet.organizations.models import Organization

__all__ = [
    "founder_require",
    "may_found",
    "member_add",
    "organization_create",
    "organization_found",
    "organization_update",
    "paragraphs_check",
    "text_check",
]

_NAME_MOST = 120
_SLUG_MOST = 60
#: Unicode categories of invisible characters, and the invisible characters that are allowed all the same: line breaks,
#: and marks that join or separate letters.
_NOT_SHOWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_SHOWN_ALL_THE_SAME = "\n\t\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
#: Maximum organizations that one person may have created, including deleted ones that can still be restored.
FOUNDED_MOST = 10


class OrganizationChanges(TypedDict, total=False):
    """Fields of an organization that an owner can change; absent ones stay as they are. The slug never changes."""

    name: str
    timezone: str
    language: str
    contact_email: str


@transaction.atomic
def organization_create(*, name: str, owner: User | None, actor: Viewer | None = None) -> Organization:
    """Create an organization; `owner`, if given, becomes its owner. Raises `InvalidInput`.

    `actor` None: the server itself. A person creates one with `organization_found`.
    """
    name = _check_name(name)
    by = actor.user if actor else None
    try:
        with transaction.atomic():
            organization = Organization.objects.create(
                name=name, slug=_free_slug(name), created_at=clock.now(), created_by=by
            )
    except IntegrityError as error:
        raise _taken_refusal(name) from error
    audit_write(actor=by, organization_id=organization.id, action="organization.create", subject=name)
    if owner is not None:
        member_write(organization, owner, Role.OWNER, by)
    return organization


@transaction.atomic
def organization_found(
    *, name: str, actor: Viewer, timezone: str = "UTC", language: str = "en", contact_email: str = ""
) -> Organization:
    """Create an organization that the actor owns. Raises `Forbidden`, `TooMany` and `InvalidInput`."""
    person = founder_require(actor)
    # Lock the person's row, so that two requests at once cannot exceed the limit.
    User.objects.select_for_update(no_key=True).get(pk=person.pk)
    if not actor.sees_all and Organization.objects.filter(created_by=person).count() >= FOUNDED_MOST:
        raise TooMany(
            _("You have created %(most)d organizations, the maximum: ask an administrator of this server for more.")
            % {"most": FOUNDED_MOST}
        )
    organization = organization_create(name=name, owner=person, actor=actor)
    # `organization_update` would refuse: the viewer was made before there was an organization to own.
    _change(
        organization,
        person,
        OrganizationChanges(timezone=timezone, language=language, contact_email=contact_email),
    )
    organization.refresh_from_db()
    return organization


def founder_require(viewer: Viewer) -> User:
    """The person, who may create organizations; raises `Forbidden` for others and for keys."""
    if viewer.user is None or not may_found(viewer):
        raise Forbidden(_("Only the administrators of this server can create organizations: ask them."))
    return viewer.user


def may_found(viewer: Viewer) -> bool:
    """Whether this person may create organizations: anybody, or only administrators (ROOST_ORGANIZATIONS_BY)."""
    return viewer.user is not None and (viewer.sees_all or settings.ROOST_ORGANIZATIONS_BY == "anybody")


@transaction.atomic
def organization_update(
    *, organization: Organization, actor: Viewer, **changes: Unpack[OrganizationChanges]
) -> Organization:
    """Change an organization's settings. Raises `InvalidInput` naming the field."""
    owner_require(actor, organization)
    _change(organization_lock(organization), actor.user, changes)
    organization.refresh_from_db()
    return organization


def _change(organization: Organization, by: User | None, changes: OrganizationChanges) -> None:
    made = _check_changes(organization, changes)
    made = {field: value for field, value in made.items() if getattr(organization, field) != value}
    if not made:
        return
    try:
        with transaction.atomic():
            Organization.objects.filter(pk=organization.pk).update(**made)
    except IntegrityError as error:
        raise _taken_refusal(made["name"]) from error
    audit_write(
        actor=by, organization_id=organization.id, action="organization.update", subject=organization.name, detail=made
    )


def _check_changes(organization: Organization, changes: OrganizationChanges) -> dict[str, str]:
    made: dict[str, str] = {}
    if "name" in changes:
        made["name"] = _check_name(changes["name"], own=organization)
    if "timezone" in changes:
        if changes["timezone"] not in available_timezones():
            raise InvalidInput(_("There is no such timezone: enter one like Europe/Berlin or UTC."), field="timezone")
        made["timezone"] = changes["timezone"]
    if "language" in changes:
        known = [code for code, _name in settings.LANGUAGES]
        if changes["language"] not in known:
            raise InvalidInput(
                _("Roost is not available in this language. It is available in: %(known)s.")
                % {"known": ", ".join(known)},
                field="language",
            )
        made["language"] = changes["language"]
    if "contact_email" in changes:
        made["contact_email"] = address_check(changes["contact_email"], field="contact_email", may_be_empty=True)
    return made


def text_check(text: str, *, field: str, most: int, may_be_empty: bool = False) -> str:
    """Validate and trim a line of text: printable and at most `most` characters. Raises `InvalidInput`."""
    text = text.strip()
    if not text and not may_be_empty:
        raise InvalidInput(_("`%(field)s` is empty: enter at least one character.") % {"field": field}, field=field)
    if len(text) > most:
        raise InvalidInput(
            _("`%(field)s` has %(length)d characters: use at most %(most)d.")
            % {"field": field, "length": len(text), "most": most},
            field=field,
        )
    if not text.isprintable():
        raise InvalidInput(_("`%(field)s` contains characters that cannot be shown.") % {"field": field}, field=field)
    return text


def paragraphs_check(text: str, *, field: str, most: int) -> str:
    """Validate and trim text of several lines; line breaks are unified. Raises `InvalidInput`.

    Marks that join or separate letters are allowed; those that reverse the direction of text are not.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(text) > most:
        raise InvalidInput(
            _("`%(field)s` has %(length)d characters: use at most %(most)d.")
            % {"field": field, "length": len(text), "most": most},
            field=field,
        )
    if any(unicodedata.category(char) in _NOT_SHOWN and char not in _SHOWN_ALL_THE_SAME for char in text):
        raise InvalidInput(_("`%(field)s` contains characters that cannot be shown.") % {"field": field}, field=field)
    return text


def _check_name(name: str, *, own: Organization | None = None) -> str:
    """A name that neither equals nor resembles another organization's. An unchanged name is not checked."""
    name = text_check(name, field="name", most=_NAME_MOST)
    if own is not None and own.name == name:
        return name
    scripts_check(name, field="name")
    others = Organization.objects.exclude(pk=own.pk) if own else Organization.objects.all()
    if others.filter(name__iexact=name).exists():
        raise _taken_refusal(name)
    look = look_of(name)
    like = next((other for other in others.values_list("name", flat=True) if look_of(other) == look), None)
    if like is not None:
        raise InvalidInput(
            _("%(name)s looks like %(other)s, which already exists: choose another name.")
            % {"name": repr(name), "other": repr(like)},
            field="name",
        )
    return name


def _taken_refusal(name: str) -> InvalidInput:
    return InvalidInput(
        _("There is already an organization %(name)s: choose another name.") % {"name": repr(name)}, field="name"
    )


def _free_slug(name: str) -> str:
    stem = slugify(name)[: _SLUG_MOST - 6].strip("-_") or "organization"
    # /organizations/add/ is the page that creates one.
    stem = f"{stem}-1" if stem == "add" else stem
    slug, number = stem, 2
    while Organization.objects.filter(slug=slug).exists():
        slug, number = f"{stem}-{number}", number + 1
    return slug
