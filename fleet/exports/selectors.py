"""Queries for packages: an organization's packages, one of them, and its file."""

from pathlib import Path

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.errors import Conflict, NotFound
from fleet.exports.archive import archive_path
from fleet.exports.models import DataPackage
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.stations.models import Station


def package_list(*, organization: Organization, state: str = "") -> QuerySet[DataPackage]:
    """The packages of an organization, newest first; with `state`, only those in that state."""
    found = DataPackage.objects.filter(organization=organization).order_by("-id")
    return found.filter(state=state) if state else found


def package_find(*, viewer: Viewer, organization: Organization, package_id: int) -> DataPackage:
    """One package. Raises `NotFound` for any that the viewer may not see."""
    found = package_list(organization=organization).filter(pk=package_id).first()
    if found is None or not viewer.may(Role.VIEWER, organization.pk):
        raise NotFound(_("There is no such package that you may see."))
    return found


def package_file(package: DataPackage) -> Path:
    """The file of a package. Raises `Conflict` if it has none, has expired, or holds stations its organization lost."""
    path = archive_path(package.name)
    if package.state != DataPackage.State.DONE:
        raise Conflict(_("This package has no file: it is %(state)s.") % {"state": package.state})
    if package.expires_at is None or package.expires_at <= clock.now() or not path.is_file():
        raise Conflict(_("This package has expired: ask for it again."))
    if gone := stations_gone(package):
        raise Conflict(gone_words(gone))
    return path


def stations_gone(package: DataPackage) -> int:
    """Number of stations in a package that its organization no longer has: moved with their data, or deleted."""
    ours = Station.objects.filter(pk__in=package.station_ids, organization_id=package.organization_id, deleted_at=None)
    return len(package.station_ids) - ours.count()


def gone_words(number: int) -> str:
    """Why a package is withdrawn."""
    return _(
        "Stations in this package were deleted or now belong to another organization, with their data: %(number)d. "
        "Ask for it again without them."
    ) % {"number": number}
