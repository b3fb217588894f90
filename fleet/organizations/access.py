"""Access rules: what a viewer may see and do in which organization."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fleet.core.errors import Forbidden
from fleet.organizations.models import ApiKey, Membership, Organization

Role = Membership.Role

#: Each role includes the ones below it: owners may do what operators may, operators what viewers may.
_RANK = {Role.VIEWER: 1, Role.OPERATOR: 2, Role.OWNER: 3}
ROLE_NAMES: Final[dict[Membership.Role, Promise]] = {
    Role.OWNER: gettext_lazy("owner"),
    Role.OPERATOR: gettext_lazy("operator"),
    Role.VIEWER: gettext_lazy("viewer"),
}


class OfOrganization(Protocol):
    """The part of a station that matters here."""

    pk: int
    serial: str
    organization_id: int


@dataclass(frozen=True)
class Viewer:
    """A person or a key, with its role in each organization. `sees_all`: an administrator of the whole server.

    `station_roles`: the roles of a key that is limited to some stations. Such a key has no role in their organization,
    so code that asks only about organizations shows it nothing; code about a station asks `may_station` and `stations`.
    `organization_names`: of a person, the names of the organizations in `roles`.
    """

    user: User | None
    name: str
    roles: Mapping[int, Membership.Role]
    sees_all: bool = False
    station_roles: Mapping[int, Membership.Role] = field(default_factory=dict)
    organization_names: Mapping[int, str] = field(default_factory=dict)

    def organization_ids(self, minimum: Membership.Role = Role.VIEWER) -> frozenset[int]:
        """Ids of the organizations in which the viewer has at least this role."""
        if self.sees_all:
            return frozenset(Organization.objects.filter(deleted_at=None).values_list("id", flat=True))
        return frozenset(number for number, role in self.roles.items() if _RANK[role] >= _RANK[minimum])

    def may(self, role: Membership.Role, organization_id: int) -> bool:
        """Whether the viewer has at least this role in the organization."""
        held = self.roles.get(organization_id)
        return self.sees_all or (held is not None and _RANK[held] >= _RANK[role])

    def may_station(self, role: Membership.Role, station: OfOrganization) -> bool:
        """Whether the viewer has at least this role for this station."""
        held = self.station_roles.get(station.pk)
        return self.may(role, station.organization_id) or (held is not None and _RANK[held] >= _RANK[role])

    def may_somewhere(self, role: Membership.Role) -> bool:
        """Whether the viewer has at least this role in any organization."""
        return self.sees_all or any(_RANK[held] >= _RANK[role] for held in self.roles.values())

    def require(
        self,
        role: Membership.Role,
        *,
        to: str,
        station: OfOrganization | None = None,
        organization: Organization | int | None = None,
        **names: object,
    ) -> None:
        """Raise `Forbidden` unless the viewer has at least this role for the station, or in the whole organization.

        `to` completes the sentence, as in `to=_("change %(serial)s")`. Its names are filled in from the station's
        `serial`, the organization's `name`, and `names`.
        """
        if station is not None:
            is_allowed, known = self.may_station(role, station), {"serial": station.serial}
        elif isinstance(organization, Organization):
            is_allowed, known = self.may(role, organization.pk), {"name": organization.name}
        else:
            is_allowed, known = self.may(role, organization or 0), {}
        if not is_allowed:
            raise role_refusal(role, to % {**known, **names})

    def require_somewhere(self, role: Membership.Role, *, to: str, **names: object) -> None:
        """Raise `Forbidden` unless the viewer has at least this role in any organization."""
        if not self.may_somewhere(role):
            raise role_refusal(role, to % names)

    def organizations(self, path: str = "") -> Q:
        """A condition for the organizations the viewer sees; `path` leads to them, such as `organization__`.

        Nobody sees a deleted organization: `roles` leaves it out, and for `sees_all` the condition excludes it.
        """
        return Q(**{f"{path}deleted_at": None}) if self.sees_all else Q(**{f"{path}pk__in": list(self.roles)})

    def stations(self, path: str = "") -> Q:
        """A condition for the stations the viewer sees; `path` leads to the station, such as `station__`."""
        seen = self.organizations(f"{path}organization__")
        return seen | Q(**{f"{path}pk__in": list(self.station_roles)}) if self.station_roles else seen


def role_refusal(role: Membership.Role, to: str) -> Forbidden:
    """The refusal for a role that is too low: "You need the operator role to change SG-1234."."""
    return Forbidden(_("You need the %(role)s role to %(do)s.") % {"role": ROLE_NAMES[role], "do": to})


def viewer_of_user(user: User | AnonymousUser) -> Viewer:
    """The viewer for a logged-in person; anonymous and inactive users see nothing."""
    if not isinstance(user, User) or not user.is_active:
        return Viewer(user=None, name="", roles={})
    found = Membership.objects.filter(user=user, organization__deleted_at=None)
    held = list(found.values_list("organization_id", "role", "organization__name"))
    return Viewer(
        user=user,
        name=user.get_username(),
        roles={organization_id: Role(role) for organization_id, role, _name in held},
        sees_all=user.is_superuser,
        organization_names={organization_id: name for organization_id, _role, name in held},
    )


def viewer_of_key(api_key: ApiKey) -> Viewer:
    """The viewer for a key from `api_key_find`. Keys are never owners: read-only ones are viewers, others operators.

    A person's key never has more rights than the person has now. Stations that have moved away are out of reach.
    """
    role = Role.VIEWER if api_key.is_read_only else Role.OPERATOR
    name = f"key {api_key.name}"
    if api_key.person_id is not None:
        held: str | None = getattr(api_key, "person_role", None)
        if held is None:
            return Viewer(user=None, name=name, roles={})
        role = min(role, Role(held), key=_RANK.__getitem__)
        name = f"{name} of {getattr(api_key, 'person_name', '')}"
    if not api_key.is_limited:
        return Viewer(user=None, name=name, roles={api_key.organization_id: role})
    reached = api_key.stations.filter(organization_id=api_key.organization_id).values_list("pk", flat=True)
    return Viewer(user=None, name=name, roles={}, station_roles=dict.fromkeys(reached, role))


def viewer_of_server(name: str) -> Viewer:
    """The viewer for programs on the server itself, with every right. `name` appears in the audit log."""
    return Viewer(user=None, name=name, roles={}, sees_all=True)
