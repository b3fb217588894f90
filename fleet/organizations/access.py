"""Who is looking, and what this viewer may see and do in which organization."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser, User

from fleet.organizations.models import ApiKey, Membership, Organization

Role = Membership.Role

#: What each role is at least: an owner may what an operator may, an operator what a viewer may.
_RANK = {Role.VIEWER: 1, Role.OPERATOR: 2, Role.OWNER: 3}


@dataclass(frozen=True)
class Viewer:
    """A person or a key, with its role in each organization. `sees_all`: looks after the whole server."""

    user: User | None
    name: str
    roles: Mapping[int, Membership.Role]
    sees_all: bool = False

    def organization_ids(self, minimum: Membership.Role = Role.VIEWER) -> frozenset[int]:
        """The organizations in which the viewer has at least this role."""
        if self.sees_all:
            return frozenset(Organization.objects.filter(deleted_at=None).values_list("id", flat=True))
        return frozenset(number for number, role in self.roles.items() if _RANK[role] >= _RANK[minimum])

    def may(self, role: Membership.Role, organization_id: int) -> bool:
        """Whether the viewer has at least this role there."""
        held = self.roles.get(organization_id)
        return self.sees_all or (held is not None and _RANK[held] >= _RANK[role])


def viewer_of_user(user: User | AnonymousUser) -> Viewer:
    """The viewer that a logged-in person is; nobody sees nothing."""
    if not isinstance(user, User) or not user.is_active:
        return Viewer(user=None, name="", roles={})
    held = Membership.objects.filter(user=user, organization__deleted_at=None).values_list("organization_id", "role")
    roles = {organization_id: Role(role) for organization_id, role in held}
    return Viewer(user=user, name=user.get_username(), roles=roles, sees_all=user.is_superuser)


def viewer_of_key(api_key: ApiKey) -> Viewer:
    """The viewer that an API key is: a read-only key looks, any other also acts, and none owns."""
    role = Role.VIEWER if api_key.is_read_only else Role.OPERATOR
    return Viewer(user=None, name=f"key {api_key.name}", roles={api_key.organization_id: role})


def viewer_of_server(name: str) -> Viewer:
    """Whoever may run programs on the server itself: sees and may all. `name` stands in the audit log."""
    return Viewer(user=None, name=name, roles={}, sees_all=True)
