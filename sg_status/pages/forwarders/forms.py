"""Forms of forwarders: their kind's settings, which rows they send, and back-fills."""

from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fleet.forward.kinds.base import ForwarderKind
from fleet.forward.models import Forwarder
from fleet.forward.services import RowChoice
from fleet.stations.models import Station
from sg_status.time_fields import MomentField

#: The field of a setting is named after the setting, with this prefix.
SETTING: Final = "setting_"
#: Refusals of these belong to the field `what`.
OF_WHAT: Final = {"detections": "what", "readings": "what"}
_TEXT_MOST: Final = 30_000


class ForwarderForm(forms.Form):
    """A forwarder's name and choice; the settings of its kind are added."""

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=80, help_text=gettext_lazy("As you want to see it in the list.")
    )
    what = forms.ChoiceField(
        label=gettext_lazy("Rows"),
        required=False,
        choices=(
            ("readings", gettext_lazy("readings")),
            ("readings tags", gettext_lazy("readings, and detected tags")),
            ("readings all", gettext_lazy("readings, and detected tags and pulses")),
            ("tags", gettext_lazy("only detected tags")),
            ("all", gettext_lazy("only detected tags and pulses")),
        ),
        help_text=gettext_lazy("A station can detect a thousand times as many pulses as tags."),
    )
    reach = forms.ChoiceField(
        label=gettext_lazy("Stations"),
        choices=(
            (Forwarder.Reach.ALL.value, gettext_lazy("all")),
            (Forwarder.Reach.STATIONS.value, gettext_lazy("only those below")),
            (Forwarder.Reach.PUBLIC.value, gettext_lazy("only while they are at a public place")),
        ),
    )
    stations = forms.CharField(
        label=gettext_lazy("Only these stations"),
        required=False,
        max_length=_TEXT_MOST,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text=gettext_lazy("Serials, one per line."),
    )
    series = forms.CharField(
        label=gettext_lazy("Only these readings"),
        required=False,
        max_length=_TEXT_MOST,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text=gettext_lazy("Names of series, one per line, such as temp or health/*. Leave empty for all."),
    )
    names = forms.CharField(
        label=gettext_lazy("Names and units there"),
        required=False,
        max_length=_TEXT_MOST,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text=gettext_lazy("One per line: series = name, unit. Either may be missing, as in temp = , K."),
    )
    is_clean = forms.BooleanField(
        label=gettext_lazy("Keep back rows marked as doubtful"),
        required=False,
        help_text=gettext_lazy("Such as those of a clock that was not set. They are counted."),
    )

    @classmethod
    def of(cls, kind: ForwarderKind, forwarder: Forwarder | None = None, data: Any = None) -> "ForwarderForm":
        """The form for a kind, filled in with a forwarder. Secrets are never filled in."""
        form = cls(data, initial={"name": kind.label, "is_clean": True} if forwarder is None else _initial(forwarder))
        own: dict[str, forms.Field] = {}
        for one in kind.settings:
            is_kept = one.is_secret and forwarder is not None
            initial = "" if one.is_secret else (forwarder.settings.get(one.name, "") if forwarder else one.initial)
            if one.choices:
                own[SETTING + one.name] = forms.ChoiceField(
                    label=str(one.label), choices=one.choices, initial=initial, help_text=str(one.help)
                )
                continue
            own[SETTING + one.name] = forms.CharField(
                label=str(one.label),
                required=one.is_required and not is_kept,
                max_length=1_000,
                initial=initial,
                help_text=_("Leave empty to keep the stored one. If you change the address, enter it again.")
                if is_kept
                else str(one.help),
                widget=forms.PasswordInput(attrs={"autocomplete": "off"}) if one.is_secret else forms.TextInput(),
            )
        if kind.send_detections is None:
            form.fields.pop("what")
        # The name first, then the kind's settings, then the choice of rows.
        form.fields = {"name": form.fields.pop("name"), **own, **form.fields}
        return form

    def clean_names(self) -> list[tuple[str, str, str]]:
        """Lines as (series, name, unit)."""
        found = []
        for line in self.cleaned_data["names"].splitlines():
            if not line.strip():
                continue
            series, equals, told = line.partition("=")
            name, _comma, unit = told.partition(",")
            if not equals or not series.strip():
                raise forms.ValidationError(_("Write each line as series = name, unit."))
            found.append((series.strip(), name.strip(), unit.strip()))
        return found

    def settings_told(self) -> Mapping[str, str]:
        """The kind's settings as entered."""
        return {
            name.removeprefix(SETTING): value for name, value in self.cleaned_data.items() if name.startswith(SETTING)
        }

    def choice(self) -> RowChoice:
        """The choice of rows to send."""
        told = self.cleaned_data
        what = (told.get("what") or "readings").split()
        return RowChoice(
            wants_readings="readings" in what,
            detections=Forwarder.Detections.NONE.value if what[-1] == "readings" else what[-1],
            reach=told["reach"],
            serials=told["stations"].split(),
            series=told["series"].splitlines(),
            names=told["names"],
            is_clean=told["is_clean"],
        )


class ForwarderBackfillForm(forms.Form):
    """The beginning of a back-fill."""

    start = MomentField(
        label=gettext_lazy("Send again what was recorded from"),
        help_text=gettext_lazy("By the stations' clocks. The receiver may get again what it has already."),
    )


def _initial(forwarder: Forwarder) -> dict[str, Any]:
    serials = Station.objects.filter(pk__in=forwarder.station_ids, organization=forwarder.organization_id)
    what = ["readings"] if forwarder.wants_readings else []
    if forwarder.detections != Forwarder.Detections.NONE:
        what.append(forwarder.detections)
    return {
        "name": forwarder.name,
        "what": " ".join(what),
        "reach": forwarder.reach,
        "stations": "\n".join(serials.order_by("serial").values_list("serial", flat=True)),
        "series": "\n".join(forwarder.series),
        "names": "\n".join(f"{series} = {name}, {unit}" for series, name, unit in forwarder.names),
        "is_clean": forwarder.is_clean,
    }
