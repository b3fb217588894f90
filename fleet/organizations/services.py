"""Making organizations, members and API keys."""

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import InvalidInput
from fleet.organizations.access import Role, Viewer
from fleet.organizations.errors import NotAllowed
from fleet.organizations.models import ApiKey, Membership, Organization

_NAME_MOST = 120
_KEY_NAME_MOST = 50
_SLUG_MOST = 60


@transaction.atomic
def organization_create(*, name: str, owner: User | None, actor: Viewer | None = None) -> Organization:
    """Make an organization; its owner, when given, may do everything in it. Raises `InvalidInput`."""
    name = text_check(name, field="name", most=_NAME_MOST)
    if Organization.objects.filter(name__iexact=name).exists():
        raise _taken(name)
    try:
        with transaction.atomic():
            organization = Organization.objects.create(name=name, slug=_slug_free(name), created_at=clock.now())
    except IntegrityError as error:
        raise _taken(name) from error
    if owner is not None:
        member_add(organization=organization, user=owner, role=Role.OWNER, actor=actor)
    audit_write(
        actor=actor.user if actor else None,
        organization_id=organization.id,
        action="organization.create",
        subject=name,
    )
    return organization


@transaction.atomic
def member_add(
    *, organization: Organization, user: User, role: Membership.Role, actor: Viewer | None = None
) -> Membership:
    """Put a person into an organization, or give them another role there. `actor` None: from the command line."""
    if actor is not None and not actor.may(Role.OWNER, organization.id):
        raise NotAllowed(_("Only an owner of %(name)s may change who belongs to it.") % {"name": organization.name})
    member, _made = Membership.objects.update_or_create(
        user=user,
        organization=organization,
        defaults={"role": role},
        create_defaults={"role": role, "created_at": clock.now()},
    )
    audit_write(
        actor=actor.user if actor else None,
        organization_id=organization.id,
        action="member.add",
        subject=user.get_username(),
        detail={"role": role.value},
    )
    return member


@transaction.atomic
def api_key_create(
    *, organization: Organization, name: str, is_read_only: bool, actor: Viewer | None = None
) -> tuple[ApiKey, str]:
    """Make a key and return it with its secret, which is shown this once and stored hashed."""
    if actor is not None and not actor.may(Role.OWNER, organization.id):
        raise NotAllowed(_("Only an owner of %(name)s may make keys for it.") % {"name": organization.name})
    name = text_check(name, field="name", most=_KEY_NAME_MOST)
    user = actor.user if actor else None
    key = ApiKey(name=name, organization=organization, is_read_only=is_read_only, created_by=user)
    secret = ApiKey.objects.assign_key(key)
    key.save(force_insert=True)
    audit_write(
        actor=user,
        organization_id=organization.id,
        action="key.create",
        subject=name,
        detail={"prefix": key.prefix, "read_only": is_read_only},
    )
    return key, secret


@transaction.atomic
def api_key_revoke(*, api_key: ApiKey, actor: Viewer | None = None) -> None:
    """End a key. A key that has ended stays ended."""
    if actor is not None and not actor.may(Role.OWNER, api_key.organization_id):
        raise NotAllowed(_("Only an owner of the organization may revoke its keys."))
    if ApiKey.objects.filter(pk=api_key.pk, revoked=False).update(revoked=True):
        audit_write(
            actor=actor.user if actor else None,
            organization_id=api_key.organization_id,
            action="key.revoke",
            subject=api_key.name,
            detail={"prefix": api_key.prefix},
        )


def text_check(text: str, *, field: str, most: int, may_be_empty: bool = False) -> str:
    """A line of text as a person types it: trimmed, printable, not too long."""
    text = text.strip()
    if not text and not may_be_empty:
        raise InvalidInput(_("`%(field)s` is empty: give it at least one character.") % {"field": field}, field=field)
    if len(text) > most:
        raise InvalidInput(
            _("`%(field)s` has %(length)d characters: use at most %(most)d.")
            % {"field": field, "length": len(text), "most": most},
            field=field,
        )
    if not text.isprintable():
        raise InvalidInput(_("`%(field)s` has characters that cannot be shown.") % {"field": field}, field=field)
    return text


def _taken(name: str) -> InvalidInput:
    return InvalidInput(
        _("There is an organization %(name)s already: choose another name.") % {"name": repr(name)}, field="name"
    )


def _slug_free(name: str) -> str:
    stem = slugify(name)[: _SLUG_MOST - 6].strip("-_") or "organization"
    slug, number = stem, 2
    while Organization.objects.filter(slug=slug).exists():
        slug, number = f"{stem}-{number}", number + 1
    return slug
