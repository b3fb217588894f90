"""Who is looking, and what this viewer may see and do in which organization."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q

from fleet.organizations.models import ApiKey, Membership, Organization

Role = Membership.Role

#: What each role is at least: an owner may what an operator may, an operator what a viewer may.
_RANK = {Role.VIEWER: 1, Role.OPERATOR: 2, Role.OWNER: 3}


class OfOrganization(Protocol):
    """A station, as far as it matters here."""

    pk: int
    organization_id: int


@dataclass(frozen=True)
class Viewer:
    """A person or a key, with its role in each organization. `sees_all`: looks after the whole server.

    `station_roles`: of a key for some stations, which has no role in their organization. Who asks only for
    organizations therefore shows it nothing; who asks for a station says `may_station` and `stations`.
    """

    user: User | None
    name: str
    roles: Mapping[int, Membership.Role]
    sees_all: bool = False
    station_roles: Mapping[int, Membership.Role] = field(default_factory=dict)

    def organization_ids(self, minimum: Membership.Role = Role.VIEWER) -> frozenset[int]:
        """The organizations in which the viewer has at least this role."""
        if self.sees_all:
            return frozenset(Organization.objects.filter(deleted_at=None).values_list("id", flat=True))
        return frozenset(number for number, role in self.roles.items() if _RANK[role] >= _RANK[minimum])

    def may(self, role: Membership.Role, organization_id: int) -> bool:
        """Whether the viewer has at least this role there."""
        held = self.roles.get(organization_id)
        return self.sees_all or (held is not None and _RANK[held] >= _RANK[role])

    def may_station(self, role: Membership.Role, station: OfOrganization) -> bool:
        """Whether the viewer has at least this role for this station."""
        held = self.station_roles.get(station.pk)
        return self.may(role, station.organization_id) or (held is not None and _RANK[held] >= _RANK[role])

    def organizations(self, path: str = "") -> Q:
        """The organizations that the viewer sees, as a condition; `path` leads to them: `organization__`.

        Nobody sees a deleted one: roles there are none, and whoever sees all asks for what is not deleted.
        """
        return Q(**{f"{path}deleted_at": None}) if self.sees_all else Q(**{f"{path}pk__in": list(self.roles)})

    def stations(self, path: str = "") -> Q:
        """The stations that the viewer sees, as a condition; `path` leads to the station: `station__`."""
        seen = self.organizations(f"{path}organization__")
        return seen | Q(**{f"{path}pk__in": list(self.station_roles)}) if self.station_roles else seen


def viewer_of_user(user: User | AnonymousUser) -> Viewer:
    """The viewer that a logged-in person is; nobody sees nothing."""
    if not isinstance(user, User) or not user.is_active:
        return Viewer(user=None, name="", roles={})
    held = Membership.objects.filter(user=user, organization__deleted_at=None).values_list("organization_id", "role")
    roles = {organization_id: Role(role) for organization_id, role in held}
    return Viewer(user=user, name=user.get_username(), roles=roles, sees_all=user.is_superuser)


def viewer_of_key(api_key: ApiKey) -> Viewer:
    """The viewer that a key of `api_key_find` is. None owns: a read-only key looks, any other also acts.

    A person's key may no more than the person may at this moment. Stations that moved away are out of reach.
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
    """Whoever may run programs on the server itself: sees and may all. `name` stands in the audit log."""
    return Viewer(user=None, name=name, roles={}, sees_all=True)
