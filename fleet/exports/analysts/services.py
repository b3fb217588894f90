"""Creating and removing analysts' logins, and ending their statements that take too long."""

from typing import Final

from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import Conflict, InvalidInput, NotFound, TooMany
from fleet.exports.analysts.roles import administering, database_close, databases_open, role_create, role_drop
from fleet.exports.models import AnalystLogin
from fleet.organizations.access import Viewer
from fleet.organizations.models import Organization

CONNECTIONS, CONNECTIONS_MOST = 3, 20
MINUTES, MINUTES_MOST = 10, 120
#: Maximum logins of one organization: each may occupy some of the database's connections.
LOGINS_MOST: Final = 10
_NAME_MOST: Final = 80
#: Seconds that a statement may run beyond its limit before Roost ends the session.
_SPARED_S: Final = 30


def analyst_add(
    *, actor: Viewer, organization: Organization, name: str, connections: int = CONNECTIONS, minutes: int = MINUTES
) -> tuple[AnalystLogin, str, list[str]]:
    """Create a login; return it, its password, and other databases of the server that are open to it.

    Raises `InvalidInput`, `Conflict`, `TooMany` and `Unavailable`.
    """
    name = " ".join(name.split())
    if not 0 < len(name) <= _NAME_MOST:
        raise InvalidInput(_("Give it a name of at most %(most)d characters.") % {"most": _NAME_MOST}, field="name")
    for value, most, field in ((connections, CONNECTIONS_MOST, "connections"), (minutes, MINUTES_MOST, "minutes")):
        if not 0 < value <= most:
            raise InvalidInput(_("Give a number from 1 to %(most)d.") % {"most": most}, field=field)
    mine = AnalystLogin.objects.filter(organization=organization)
    if mine.filter(name=name).exists():
        raise Conflict(_("There is an analyst of this name already."))
    if mine.count() >= LOGINS_MOST:
        raise TooMany(_("An organization has at most %(most)d analysts: remove one.") % {"most": LOGINS_MOST})
    with administering() as admin:
        database_close(admin)
        # Until its row is written, the role sees nothing.
        role, password = role_create(admin, connections=connections, minutes=minutes)
        try:
            login = _row_add(
                actor=actor, organization=organization, name=name, role=role, connections=connections, minutes=minutes
            )
        except IntegrityError as error:
            role_drop(admin, role)
            raise Conflict(_("There is an analyst of this name already.")) from error
        except BaseException:
            role_drop(admin, role)
            raise
        return login, password, databases_open(admin)


def analyst_remove(*, actor: Viewer, organization: Organization, name: str) -> None:
    """Remove a login and end its sessions. Raises `NotFound`, `Conflict` and `Unavailable`."""
    login = analyst_list(organization=organization).filter(name=name).first()
    if login is None:
        raise NotFound(
            _("%(name)s has no analyst %(analyst)s.") % {"name": organization.name, "analyst": repr(name[:80])}
        )
    with administering() as admin:
        with transaction.atomic():
            audit(actor, login, "analyst.remove")
            # Delete the row first: from here on, the role sees nothing.
            login.delete()
        role_drop(admin, login.role)


def analyst_list(*, organization: Organization) -> QuerySet[AnalystLogin]:
    """The logins of an organization by name."""
    return AnalystLogin.objects.filter(organization=organization).order_by("name")


def analyses_end() -> int:
    """End analysts' sessions whose transaction has taken longer than allowed; return how many.

    An analyst can change the limit of their own session, so PostgreSQL alone does not enforce it.
    """
    if not AnalystLogin.objects.exists():
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(a.pid)) FROM pg_stat_activity a "
            "JOIN exports_analystlogin l ON l.role = a.usename "
            "WHERE a.datname = current_database() AND a.xact_start < now() - (l.minutes * 60 + %s) * interval '1 second'",
            [_SPARED_S],
        )
        row = cursor.fetchone()
    return int(row[0]) if row else 0


@transaction.atomic
def _row_add(
    *, actor: Viewer, organization: Organization, name: str, role: str, connections: int, minutes: int
) -> AnalystLogin:
    login = AnalystLogin.objects.create(
        organization=organization,
        name=name,
        role=role,
        connections=connections,
        minutes=minutes,
        created_at=clock.now(),
        created_by_name=actor.name[:150],
    )
    audit(actor, login, "analyst.add", connections=connections, minutes=minutes)
    return login
