"""A form for the parameters of any command, built from its contract."""

from typing import Any

import msgspec
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec.inspect import BoolType, FloatType, IntType, LiteralType, Metadata, StrType, Type, type_info

from fleet.core.spoken import duration_words
from message_queue.contracts.commands.base import CommandContract

#: Lifetimes in seconds on offer; the command's own default is always among them.
EXPIRIES = (600, 3_600, 6 * 3_600, 86_400, 3 * 86_400, 7 * 86_400)
#: No parameter can have this name: it is the form's own field.
EXPIRY_FIELD = "expires_in"


class CommandForm(forms.Form):
    """Parameters and lifetime of one command. `parameters()` gives the values filled in."""

    def __init__(self, contract: CommandContract, data: Any = None) -> None:
        super().__init__(data)
        self.contract = contract
        for field in msgspec.structs.fields(contract.parameters):
            default = None if field.default is msgspec.NODEFAULT else field.default
            made = _field(type_info(field.type), field.name, required=field.required)
            made.initial = default
            self.fields[field.name] = made
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
        seconds: int = self.cleaned_data[EXPIRY_FIELD]
        return seconds


def needs_page(contract: CommandContract) -> bool:
    """Whether something must be filled in or confirmed before the command is sent."""
    return bool(contract.danger or msgspec.structs.fields(contract.parameters))


def _field(info: Type, name: str, *, required: bool) -> forms.Field:
    """The form field for a parameter's type; its label is the title in the contract."""
    label = name.replace("_", " ")
    if isinstance(info, Metadata):
        label = _(str((info.extra_json_schema or {}).get("title", label)))
        info = info.type
    if isinstance(info, BoolType):
        return forms.BooleanField(label=label, required=False)
    if isinstance(info, IntType):
        return forms.IntegerField(label=label, required=required, min_value=info.ge, max_value=info.le)
    if isinstance(info, FloatType):
        return forms.FloatField(label=label, required=required, min_value=info.ge, max_value=info.le)
    if isinstance(info, LiteralType):
        return forms.ChoiceField(label=label, required=required, choices=[(v, str(v)) for v in info.values])
    if isinstance(info, StrType):
        return forms.CharField(label=label, required=required, max_length=info.max_length, strip=False)
    return forms.JSONField(label=label, required=required)
