"""A form for the parameters of any command, built from its contract."""

from typing import Any

import msgspec
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec.inspect import BoolType, FloatType, IntType, LiteralType, Metadata, StrType, Type, type_info

from fleet.core.spoken import duration_words
from message_queue.contracts.commands.base import IN_SECONDS, CommandContract
from sg_status.command_words import PROFILES, profile_word
from sg_status.time_fields import NumberField

#: Lifetimes in seconds on offer; the command's own default is always among them.
EXPIRIES = (600, 3_600, 6 * 3_600, 86_400, 3 * 86_400, 7 * 86_400)
#: No parameter can have this name: it is the form's own field.
EXPIRY_FIELD = "expires_in"
#: Units in which people enter a duration, largest last, in seconds.
_UNITS = {
    "1": gettext_lazy("seconds"),
    "60": gettext_lazy("minutes"),
    "3600": gettext_lazy("hours"),
    "86400": gettext_lazy("days"),
}
_USUAL_UNIT = "60"


class DurationWidget(forms.MultiWidget):
    """A number and its unit."""

    template_name = "sg_status/station/duration_input.html"
    use_fieldset = False

    def __init__(self) -> None:
        number = forms.TextInput(attrs={"class": "w1", "inputmode": "decimal"})
        super().__init__([number, forms.Select(choices=list(_UNITS.items()), attrs={"class": "w2"})])

    def id_for_label(self, id_: str, index: str | None = None) -> str:
        """The number, which the field's label belongs to."""
        return f"{id_}_{index or 0}" if id_ else id_

    def decompress(self, value: Any) -> list[Any]:
        """Seconds as number and unit: the largest unit that makes it a whole number."""
        if not isinstance(value, int):
            return ["", _USUAL_UNIT]
        if value == 0:
            return [0, _USUAL_UNIT]
        unit = max((int(unit) for unit in _UNITS if value % int(unit) == 0), default=1)
        return [value // unit, str(unit)]


class DurationField(forms.MultiValueField):
    """A duration that people enter with its unit, and programs get in whole seconds."""

    def __init__(self, *, label: str, required: bool, least: int | None, most: int | None) -> None:
        fields = (NumberField(min_value=0), forms.ChoiceField(choices=list(_UNITS.items())))
        super().__init__(fields, widget=DurationWidget(), label=label, required=required)
        self._least, self._most = least or 0, most

    def compress(self, data_list: list[Any]) -> int | None:
        """Whole seconds; raises a `ValidationError` that says what is possible."""
        if not data_list or data_list[0] in (None, ""):
            return None
        seconds = round(float(data_list[0]) * int(data_list[1]))
        if seconds < self._least or (self._most is not None and seconds > self._most):
            raise ValidationError(
                _("Enter a time from %(least)s to %(most)s.")
                % {"least": duration_words(self._least), "most": duration_words(self._most or seconds)}
            )
        return seconds


class CommandForm(forms.Form):
    """Parameters of one command. Without a prefix it also has the lifetime; forms with a prefix share one such field.

    `parameters()` gives the values filled in.
    """

    def __init__(self, contract: CommandContract, data: Any = None, *, prefix: str | None = None) -> None:
        super().__init__(data, prefix=prefix, use_required_attribute=prefix is None)
        self.contract = contract
        for field in msgspec.structs.fields(contract.parameters):
            default = None if field.default is msgspec.NODEFAULT else field.default
            made = _field(type_info(field.type), field.name, required=field.required)
            made.initial = default
            self.fields[field.name] = made
        if prefix is None:
            self.fields[EXPIRY_FIELD] = forms.TypedChoiceField(
                label=gettext_lazy("If the station does not call in, give up after"),
                coerce=int,
                initial=contract.default_expiry,
                choices=[(s, duration_words(s)) for s in sorted({*EXPIRIES, contract.default_expiry})],
            )

    def parameters(self) -> dict[str, Any]:
        """The values filled in: an empty field means the command's own default."""
        filled = {name: value for name, value in self.cleaned_data.items() if name != EXPIRY_FIELD}
        return {name: value for name, value in filled.items() if value not in (None, "")}

    def expires_in(self) -> int:
        """The lifetime in seconds."""
        seconds: int = self.cleaned_data.get(EXPIRY_FIELD, self.contract.default_expiry)
        return seconds


def needs_page(contract: CommandContract) -> bool:
    """Whether something must be filled in or confirmed before the command is sent."""
    return bool(is_handled_with_care(contract) or msgspec.structs.fields(contract.parameters))


def is_handled_with_care(contract: CommandContract) -> bool:
    """Whether the command is listed apart from the others and asks for confirmation."""
    return bool(contract.danger or contract.needs_care)


def _field(info: Type, name: str, *, required: bool) -> forms.Field:
    """The form field for a parameter's type; its label is the title in the contract."""
    label, schema = name.replace("_", " "), {}
    if isinstance(info, Metadata):
        schema = info.extra_json_schema or {}
        label = _(str(schema.get("title", label)))
        info = info.type
    if isinstance(info, BoolType):
        return forms.BooleanField(label=label, required=False)
    if isinstance(info, IntType):
        return _whole_number(info, label, required=required, is_duration=IN_SECONDS.items() <= schema.items())
    if isinstance(info, FloatType):
        return NumberField(label=label, required=required, min_value=info.ge, max_value=info.le)
    if isinstance(info, LiteralType):
        words = [(str(value), profile_word(str(value))) for value in info.values]
        choices = sorted(words, key=lambda one: PROFILES.index(one[0]) if one[0] in PROFILES else len(PROFILES))
        return forms.ChoiceField(label=label, required=required, choices=choices)
    if isinstance(info, StrType):
        return forms.CharField(label=label, required=required, max_length=info.max_length, strip=False)
    return forms.JSONField(label=label, required=required)


def _whole_number(info: IntType, label: str, *, required: bool, is_duration: bool) -> forms.Field:
    if is_duration:
        return DurationField(label=label, required=required, least=info.ge, most=info.le)
    return forms.IntegerField(label=label, required=required, min_value=info.ge, max_value=info.le)
