"""The antennas of a deployment as rows of a form, with empty ones at the end; it needs no script."""

from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fleet.core.errors import DomainError, InvalidInput
from fleet.deployments.antennas import ANTENNAS_MOST, AntennaSaid
from fleet.deployments.models import Deployment
from sg_status.maps.sectors import POLARIZATIONS
from sg_status.time_fields import NumberField
from sg_status.words import NOTHING

PREFIX: Final = "antenna"
#: Empty rows below the antennas: a new deployment usually gets several at once.
_EMPTY, _EMPTY_FIRST = 1, 3


class AntennaRow(forms.Form):
    """One antenna. A row that was filled needs a port."""

    port = forms.IntegerField(label=gettext_lazy("Port"))
    type = forms.CharField(label=gettext_lazy("Antenna"), max_length=60, required=False)
    bearing_deg = NumberField(label=gettext_lazy("Bearing, °"), required=False)
    beam_width_deg = NumberField(label=gettext_lazy("Beam width, °"), required=False)
    height_m = NumberField(label=gettext_lazy("Height, m"), required=False)
    polarization = forms.ChoiceField(
        label=gettext_lazy("Polarization"), choices=(("", NOTHING), *POLARIZATIONS), required=False
    )
    frequency_mhz = NumberField(label=gettext_lazy("Frequency, MHz"), required=False)
    cable = forms.CharField(label=gettext_lazy("Cable"), max_length=60, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            # The heading labels the column, not the controls in it.
            field.widget.attrs["aria-label"] = field.label


class _Rows(forms.BaseFormSet[AntennaRow]):
    def add_fields(self, form: AntennaRow, index: int | None) -> None:
        super().add_fields(form, index)
        form.fields["DELETE"].label = _("Remove")
        form.fields["DELETE"].widget.attrs["aria-label"] = _("Remove")


class AntennasForm:
    """All antennas of a deployment: a set of rows with the methods by which the page uses its forms."""

    def __init__(self, deployment: Deployment, data: Any = None) -> None:
        antennas = list(deployment.antennas.order_by("port"))
        kind = forms.formset_factory(
            AntennaRow,
            formset=_Rows,
            extra=_EMPTY if antennas else _EMPTY_FIRST,
            can_delete=True,
            max_num=ANTENNAS_MOST,
            absolute_max=ANTENNAS_MOST + _EMPTY_FIRST,
        )
        rows = [{name: getattr(one, name) for name in AntennaSaid._fields} for one in antennas]
        self.rows = kind(data, prefix=PREFIX, initial=rows)

    @classmethod
    def of(cls, deployment: Deployment, data: Any = None) -> "AntennasForm":
        """The form with the current antennas."""
        return cls(deployment, data)

    def is_valid(self) -> bool:
        """Whether every row can be read."""
        return bool(self.rows.is_valid())

    @property
    def antennas(self) -> list[AntennaSaid]:
        """The antennas in the rows, without those to remove."""
        return [AntennaSaid(**{name: row.cleaned_data[name] for name in AntennaSaid._fields}) for row in self._kept()]

    def refusal_show(self, refusal: DomainError) -> None:
        """Show a refusal at the row that it concerns, else above the rows."""
        field = refusal.field if isinstance(refusal, InvalidInput) else ""
        parts = field.split(".")
        kept = self._kept()
        if len(parts) == 3 and parts[1].isdigit() and int(parts[1]) < len(kept):
            kept[int(parts[1])].add_error(parts[2], str(refusal))
        else:
            self.rows.non_form_errors().append(ValidationError(str(refusal)))

    def _kept(self) -> list[AntennaRow]:
        return [row for row in self.rows.forms if not _is_left_out(row)]


def _is_left_out(row: AntennaRow) -> bool:
    """Whether a row is to be removed, or was never filled."""
    return bool(row.cleaned_data.get("DELETE")) or (row.empty_permitted and not row.has_changed())
