"""Shared parts of the joining pages: their row of links, and who can use them."""

from typing import Final

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fleet.organizations.access import Viewer
from fleet.organizations.models import Membership
from sg_status.tabs import Tab

_LINKS: Final[tuple[tuple[str, Promise], ...]] = (
    ("station-add", gettext_lazy("Add one")),
    ("station-claim", gettext_lazy("Claim by code")),
    ("station-import", gettext_lazy("Import a list")),
    ("station-accept", gettext_lazy("Accept")),
    ("transfers", gettext_lazy("Take a station over")),
)
#: Message for an organization in which the viewer cannot add stations.
NOT_HERE = gettext_lazy("You cannot add stations to this organization.")


def joining_links(current: str) -> list[Tab]:
    """The ways to add a station, with the current page marked."""
    return [Tab(label, reverse(name), name == current) for name, label in _LINKS]


def operator_organizations(viewer: Viewer) -> frozenset[int]:
    """Organizations in which the viewer can add stations; answers 403 with a sentence if there are none."""
    viewer.require_somewhere(Membership.Role.OPERATOR, to=_("add stations"))
    return viewer.organization_ids(Membership.Role.OPERATOR)
