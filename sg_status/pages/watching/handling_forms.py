"""Forms with which people act on an incident: snooze it, assign it, write a note."""

from datetime import datetime, timedelta
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from fleet.alerts.handling import NOTE_MOST, assignees_of
from fleet.alerts.models import Incident
from fleet.core import clock
from sg_status.time_fields import MomentField

_CHANGE: Final = "change"
_LENGTHS: Final = {
    "1h": timedelta(hours=1),
    "8h": timedelta(hours=8),
    "1d": timedelta(days=1),
    "3d": timedelta(days=3),
    "7d": timedelta(days=7),
}
#: Maximum members that a form offers; the API takes any member.
_OFFERED_MOST: Final = 500


class SnoozeForm(forms.Form):
    """How long to snooze an incident."""

    how_long = forms.ChoiceField(
        label=_("Snooze for"),
        choices=[
            ("1h", _("1 hour")),
            ("8h", _("8 hours")),
            ("1d", _("1 day")),
            ("3d", _("3 days")),
            ("7d", _("7 days")),
            (_CHANGE, _("until it changes")),
        ],
        initial="1d",
    )

    def until(self) -> datetime | None:
        """The end of the snooze; None: until it changes."""
        length = _LENGTHS.get(self.cleaned_data["how_long"])
        return None if length is None else clock.now() + length


class SnoozeAtForm(SnoozeForm):
    """How long to snooze an incident, or until which moment."""

    until_at = MomentField(
        label=_("Or until"), required=False, help_text=_("Leave empty to use the choice above. At most 90 days.")
    )

    def until(self) -> datetime | None:
        """The end of the snooze; None: until it changes."""
        at: datetime | None = self.cleaned_data["until_at"]
        return at or super().until()


class AssignForm(forms.Form):
    """The member who takes care of it."""

    assignee = forms.ChoiceField(label=_("Assigned to"), required=False)

    @classmethod
    def of(cls, incident: Incident, data: Any = None) -> "AssignForm":
        """The form for an incident, with the members of its organization."""
        held = incident.assignee.user.get_username() if incident.assignee else ""
        form = cls(data, initial={"assignee": held})
        names = [one.user.get_username() for one in assignees_of(incident)[:_OFFERED_MOST]]
        if held and held not in names:
            names.append(held)
        form.fields["assignee"] = forms.ChoiceField(
            label=_("Assigned to"),
            required=False,
            choices=[("", _("nobody")), *((name, name) for name in names)],
        )
        return form


class StepNoteForm(forms.Form):
    """A note about the incident."""

    text = forms.CharField(label=_("New note"), max_length=NOTE_MOST, widget=forms.Textarea(attrs={"rows": 3}))
