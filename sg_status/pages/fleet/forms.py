"""Forms for groups and models of stations, and for many stations at once."""

import re
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fleet.stations.models import StationGroup, StationModel
from fleet.stations.sorting.device_models import Quantity
from sg_status.forms import OrganizationField
from sg_status.time_fields import MomentField

_NUMBER = r"-?\d+(?:\.\d+)?"
#: Limits at the end of a line: `0..10000`, `-40..`, `..85`.
_LIMITS = re.compile(rf"\s(?=\S*\d)({_NUMBER})?\.\.({_NUMBER})?\s*\Z")
RULES = (
    (StationGroup.Rule.NONE, gettext_lazy("only stations added by hand")),
    (StationGroup.Rule.SERIAL, gettext_lazy("serials that start with …")),
    (StationGroup.Rule.ADDRESS, gettext_lazy("addresses in the network …")),
    (StationGroup.Rule.TAG, gettext_lazy("stations with the tag …")),
    (StationGroup.Rule.MODEL, gettext_lazy("stations of the model …")),
)
KINDS = (
    (StationModel.Kind.RECEIVER, gettext_lazy("receiver")),
    (StationModel.Kind.AIR_QUALITY, gettext_lazy("air quality")),
    (StationModel.Kind.CONTROLLER, gettext_lazy("controller")),
    (StationModel.Kind.BOARD, gettext_lazy("board")),
    (StationModel.Kind.OTHER, gettext_lazy("other")),
)


class _OfOrganization(forms.Form):
    """A form for an object that belongs to one of the viewer's organizations."""

    organization = OrganizationField()

    def __init__(self, organizations: frozenset[int], data: Any = None) -> None:
        super().__init__(data)
        refusal = _("You cannot change anything in this organization.")
        self.fields["organization"] = OrganizationField(organizations, refusal=refusal)


class GroupForm(forms.Form):
    """A group's name and rule."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    rule = forms.ChoiceField(label=gettext_lazy("Stations in it"), choices=RULES, required=False)
    value = forms.CharField(
        label=gettext_lazy("Value for the rule"),
        max_length=120,
        required=False,
        help_text=gettext_lazy("For example SG-7F5E, 10.4.0.0/16, solar, or the name of a model."),
    )


class GroupAddForm(GroupForm, _OfOrganization):
    """A new group."""


class ManyForm(forms.Form):
    """The inputs of all actions on many stations; each action needs at most one."""

    tag = forms.CharField(label=gettext_lazy("Tag"), max_length=40, required=False)
    to_group = forms.IntegerField(label=gettext_lazy("Group"), required=False, min_value=1, max_value=2**63 - 1)
    until = MomentField(label=gettext_lazy("Maintenance until"), required=False)

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, auto_id="many-%s")


class ModelAddForm(_OfOrganization):
    """A new model: its name and what it measures."""

    manufacturer = forms.CharField(label=gettext_lazy("Manufacturer"), max_length=80, required=False)
    name = forms.CharField(label=gettext_lazy("Model"), max_length=80)
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=KINDS, initial=StationModel.Kind.OTHER)
    quantities = forms.CharField(
        label=gettext_lazy("Measured series"),
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=gettext_lazy(
            "One per line: series name, unit and possible range, separated by spaces. For example: co2 ppm 0..10000"
        ),
    )

    def measured(self) -> list[Quantity]:
        """The lines as quantities."""
        return [_quantity(line) for line in self.cleaned_data["quantities"].splitlines() if line.strip()]


def _quantity(line: str) -> Quantity:
    """A line as a quantity; text that does not look like limits belongs to the unit."""
    found = _LIMITS.search(line)
    named = (line[: found.start()] if found else line).split(maxsplit=1)
    if found is None or not named:
        name, _space, unit = line.strip().partition(" ")
        return Quantity(name, unit.strip())
    least, most = (float(text) if text else None for text in found.groups())
    return Quantity(named[0], named[1].strip() if len(named) > 1 else "", least, most)
