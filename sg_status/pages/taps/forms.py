"""The form of a new tap."""

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from fleet.forward.taps.services import BYTES, HOURS, HOURS_MOST, MESSAGES, MESSAGES_MOST, TapChoice, tap_bytes_most
from message_queue.events.kinds import EVENTS

_MEGABYTE: Final = 1_000_000
_DAY: Final = 24


class TapForm(forms.Form):
    """A tap's name, what it gets, and how much it holds."""

    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("Such as the program that will read it."))
    events = forms.MultipleChoiceField(
        label=_("Only these events"),
        required=False,
        choices=[(name, name) for name in EVENTS],
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Select none for all."),
    )
    stations = forms.CharField(
        label=_("Only these stations"),
        required=False,
        max_length=30_000,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text=_("Serials, one per line. Leave empty for all stations."),
    )
    messages = forms.IntegerField(
        label=_("Events that it holds"),
        min_value=1,
        max_value=MESSAGES_MOST,
        initial=MESSAGES,
        help_text=_("When it is full, the oldest are dropped, and counted."),
    )
    megabytes = forms.IntegerField(label=_("Megabytes that it holds"), min_value=1)
    days = forms.IntegerField(
        label=_("Days that an event waits"), min_value=1, max_value=HOURS_MOST // _DAY, initial=HOURS // _DAY
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        most = max(tap_bytes_most() // _MEGABYTE, 1)
        self.fields["megabytes"] = forms.IntegerField(
            label=self.fields["megabytes"].label,
            min_value=1,
            max_value=most,
            initial=min(BYTES // _MEGABYTE, most),
        )

    def choice(self) -> TapChoice:
        """The events that it gets, and how many it holds."""
        told = self.cleaned_data
        return TapChoice(
            events=told["events"],
            serials=told["stations"].split(),
            messages=told["messages"],
            octets=min(told["megabytes"] * _MEGABYTE, tap_bytes_most()),
            hours=told["days"] * _DAY,
        )
