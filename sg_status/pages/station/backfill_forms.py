"""Forms for reading stored files into the database: which files, and the answers to a survey's questions."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from fleet.ingest.backfill.services import ALSO_MOST
from fleet.ingest.models import Backfill


class BackfillForm(forms.Form):
    """Which stored files to read."""

    search = forms.CharField(
        label=_("Part of the name"),
        required=False,
        max_length=100,
        help_text=_("Such as a day, 2026-05-01, or the name of an archive. Leave empty for all files."),
    )
    is_unread = forms.BooleanField(
        label=_("Only files that were not read before"), required=False, initial=True, label_suffix=""
    )


class AnswersForm(forms.Form):
    """Answers to the questions of a survey; only questions that it asks have a field."""

    def __init__(self, backfill: Backfill, kinds: frozenset[str], data: Any = None) -> None:
        super().__init__(data)
        if kinds & {"others", "none"} or backfill.also_of:
            self.fields["also_of"] = forms.CharField(
                label=_("Serials that are also this station's"),
                required=False,
                max_length=ALSO_MOST * 81,
                initial=" ".join(backfill.also_of),
                help_text=_("Separate them by spaces. Their files are compared with this station's rows first."),
            )
        if "others" in kinds:
            self.fields["leaves_others"] = forms.BooleanField(
                label=_("Leave the files of other stations alone"), required=False
            )
        if "clock" in kinds:
            self.fields["any_clock"] = forms.BooleanField(
                label=_("Also read lines with a doubtful time, marked as doubtful"), required=False
            )
