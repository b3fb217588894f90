"""The form of a fetch policy, of a station or of an organization."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from fleet.holdings.policy import DAYS_MOST, MODES, NETWORKS, OCTETS_MOST, FetchRule
from sg_status.time_fields import NumberField

_MB = 1_000_000
#: The value of `mode` for a station without a policy of its own.
USUAL = "usual"


class FetchPolicyForm(forms.Form):
    """Which files to fetch, when and how. With `has_usual`, the organization's policy is one of the choices."""

    mode = forms.ChoiceField(label=_("Fetch"))
    mb_per_day = NumberField(
        label=_("MB per day"),
        required=False,
        min_value=0.001,
        max_value=OCTETS_MOST / _MB,
        help_text=_("Leave empty for no limit."),
    )
    hour_from = forms.IntegerField(label=_("From hour"), required=False, min_value=0, max_value=23)
    hour_to = forms.IntegerField(
        label=_("To hour"),
        required=False,
        min_value=0,
        max_value=24,
        help_text=_("In the organization's timezone. Leave both empty for any hour."),
    )
    days_most = forms.IntegerField(label=_("Age in days, at most"), required=False, min_value=1, max_value=DAYS_MOST)
    order = forms.ChoiceField(label=_("Order"), choices=[("newest", _("newest first")), ("oldest", _("oldest first"))])
    networks = forms.MultipleChoiceField(
        label=_("Only over these networks"),
        required=False,
        choices=list(NETWORKS.items()),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Leave empty for any network."),
    )

    def __init__(self, rule: FetchRule, data: Any = None, *, has_usual: bool) -> None:
        initial = {
            "mode": USUAL if has_usual and rule.whose != "station" else rule.mode,
            "mb_per_day": None if rule.octets_per_day is None else rule.octets_per_day / _MB,
            "hour_from": rule.hour_from,
            "hour_to": rule.hour_to,
            "days_most": rule.days_most,
            "order": "newest" if rule.is_newest_first else "oldest",
            "networks": list(rule.networks),
        }
        super().__init__(data, initial=initial)
        usual = [(USUAL, _("as the organization's policy says"))] if has_usual else []
        self.fields["mode"].choices = [*usual, *MODES.items()]  # type: ignore[attr-defined]

    def rule(self) -> FetchRule | None:
        """The values filled in; None for the organization's policy."""
        filled = self.cleaned_data
        if filled["mode"] == USUAL:
            return None
        octets = filled["mb_per_day"]
        return FetchRule(
            mode=filled["mode"],
            octets_per_day=None if octets is None else round(octets * _MB),
            hour_from=filled["hour_from"],
            hour_to=filled["hour_to"],
            days_most=filled["days_most"],
            is_newest_first=filled["order"] == "newest",
            networks=tuple(filled["networks"]),
        )
