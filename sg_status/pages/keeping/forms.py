"""Forms of rules that say which readings and detections are kept."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from fleet.telemetry.clearing.detections import DAYS_LEAST
from fleet.telemetry.keeping.models import RetentionRule
from fleet.telemetry.keeping.rules import DAYS_MOST, INTERVAL_MOST_S, READINGS_MOST, Kept


class StorageRuleForm(forms.Form):
    """A rule for the series that match a pattern. An empty figure sets no limit."""

    pattern = forms.CharField(
        label=_("Series"),
        max_length=128,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=_("A name without its unit, such as health/disk, or a pattern, such as health/* or * for all."),
    )
    interval_s = forms.IntegerField(
        label=_("Store one reading in this many seconds"),
        required=False,
        min_value=1,
        max_value=INTERVAL_MOST_S,
        help_text=_("The others are kept back and counted. Within a minute, this applies to all readings that arrive."),
    )
    most = forms.IntegerField(
        label=_("Keep this many readings of each series"), required=False, min_value=1, max_value=READINGS_MOST
    )
    raw_days = forms.IntegerField(
        label=_("Keep single readings for days"), required=False, min_value=1, max_value=DAYS_MOST
    )
    hour_days = forms.IntegerField(
        label=_("Keep hourly figures for days"), required=False, min_value=1, max_value=DAYS_MOST
    )
    day_days = forms.IntegerField(
        label=_("Keep daily figures for days"),
        required=False,
        min_value=1,
        max_value=DAYS_MOST,
        help_text=_("Leave a field empty to keep everything."),
    )
    is_sure = forms.BooleanField(
        label=_("Delete older readings permanently"),
        required=False,
        help_text=_("Needed if one of the four figures above is filled in. Readings are deleted within six hours."),
    )

    @classmethod
    def of(cls, query: Mapping[str, Any], rules: Iterable[RetentionRule]) -> "StorageRuleForm":
        """The form for the pattern in the URL, with the figures of its rule if there is one."""
        pattern = str(query.get("pattern", ""))[:128]
        found = next((rule for rule in rules if rule.pattern == pattern), None)
        figures = {name: getattr(found, name) for name in cls.base_fields if hasattr(found, name)}
        return cls(initial={"pattern": pattern, **figures})

    def clean(self) -> dict[str, Any]:
        """Refuse figures that delete data unless the person said so."""
        filled = super().clean() or {}
        deletes = [name for name in ("most", "raw_days", "hour_days", "day_days") if filled.get(name)]
        if deletes and not filled.get("is_sure"):
            self.add_error("is_sure", _("This rule deletes readings: tick this box if that is what you want."))
        return filled

    def kept(self) -> Kept:
        """The figures filled in."""
        return Kept(**{field.name: self.cleaned_data[field.name] for field in fields(Kept)})


class DetectionsForm(forms.Form):
    """For how long single detections are kept."""

    days = forms.IntegerField(
        label=_("Days"),
        required=False,
        min_value=DAYS_LEAST,
        max_value=DAYS_MOST,
        help_text=_("Leave empty to keep all. Counts by hour and by tag stay."),
    )
    is_sure = forms.BooleanField(label=_("Delete older detections permanently"), required=False)

    def clean(self) -> dict[str, Any]:
        """Refuse to delete data unless the person said so."""
        filled = super().clean() or {}
        if filled.get("days") and not filled.get("is_sure"):
            self.add_error("is_sure", _("This rule deletes detections: tick this box if that is what you want."))
        return filled
