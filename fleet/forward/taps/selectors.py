"""Reading an organization's taps."""

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from fleet.core.errors import NotFound
from fleet.forward.models import Tap
from fleet.organizations.models import Organization


def tap_list(*, organization: Organization) -> QuerySet[Tap]:
    """The taps of an organization by name. The caller checks that the organization may be read."""
    return Tap.objects.filter(organization=organization).select_related("organization").order_by("name")


def tap_find(*, organization: Organization, tap_id: int) -> Tap:
    """One of the organization's taps. Raises `NotFound`."""
    found = tap_list(organization=organization).filter(pk=tap_id).first()
    if found is None:
        raise NotFound(_("%(name)s has no such tap.") % {"name": organization.name})
    return found
