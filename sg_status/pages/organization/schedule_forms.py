"""The form of a package that repeats."""

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from fleet.exports.models import PackageSchedule
from fleet.exports.question import KINDS, Format
from fleet.exports.schedules.delivery import targets_offered
from fleet.organizations.models import Organization
from sg_status.pages.organization.package_forms import KIND_WORDS, stations_field
from sg_status.time_fields import DayField

Every, Target = PackageSchedule.Every, PackageSchedule.Target
EVERY_WORDS: Final = {
    Every.DAY.value: _("every day"),
    Every.WEEK.value: _("every week"),
    Every.MONTH.value: _("every month"),
}
TARGET_WORDS: Final = {
    Target.PAGE.value: _("the page of data packages, with a mail"),
    Target.FOLDER.value: _("the server's folder"),
    Target.OBJECTS.value: _("the server's object store"),
}


class ScheduleForm(forms.Form):
    """The contents of a repeated package, how often it is made, and where it goes."""

    name = forms.CharField(label=_("Name"), max_length=80)
    every = forms.ChoiceField(
        label=_("How often"),
        choices=tuple(EVERY_WORDS.items()),
        help_text=_("By UTC; weeks begin on Monday. Each package is made once its day, week or month is over."),
    )
    target = forms.ChoiceField(label=_("Where to"))
    since = DayField(
        label=_("Also for periods since"),
        required=False,
        help_text=_("Leave empty to begin with the current day, week or month."),
    )
    stations = forms.CharField(label=_("Stations"))
    kinds = forms.MultipleChoiceField(
        label=_("Data"),
        choices=tuple(KIND_WORDS.items()),
        initial=["readings", "detections"],
        widget=forms.CheckboxSelectMultiple,
    )
    wanted = forms.ChoiceField(label=_("Format"), choices=[(one.value, one.value) for one in Format])
    is_clean = forms.BooleanField(label=_("Leave out rows marked as doubtful"), required=False)

    @classmethod
    def of(cls, organization: Organization, data: Any = None) -> "ScheduleForm":
        """The form for an organization, with the targets that this server offers."""
        form = cls(data)
        form.fields["target"] = forms.ChoiceField(
            label=_("Where to"), choices=[(name, TARGET_WORDS[name]) for name in targets_offered()]
        )
        form.fields["stations"] = stations_field(organization)
        return form

    def question(self) -> dict[str, Any]:
        """The arguments of `schedule_add`."""
        told = self.cleaned_data
        return {
            "name": told["name"],
            "every": told["every"],
            "target": told["target"],
            "since": told["since"],
            "serials": told["stations"] if isinstance(told["stations"], list) else told["stations"].split(),
            "kinds": [kind for kind in KINDS if kind in told["kinds"]],
            "wanted": told["wanted"],
            "is_clean": told["is_clean"],
        }
