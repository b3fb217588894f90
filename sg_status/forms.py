"""Form fields shared by several families of pages."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy

from fleet.organizations.models import Organization

if TYPE_CHECKING:
    _ModelChoiceField = forms.ModelChoiceField[Organization]
else:
    # Generic only for the type checker.
    _ModelChoiceField = forms.ModelChoiceField


class OrganizationField(_ModelChoiceField):
    """An organization in which the viewer can act. `refusal`: the message for any other."""

    def __init__(self, organizations: frozenset[int] = frozenset(), *, refusal: Any = "", **options: Any) -> None:
        choices = Organization.objects.filter(id__in=organizations, deleted_at=None).order_by("name")
        super().__init__(choices, label=gettext_lazy("Organization"), empty_label=None, **options)
        if refusal:
            self.error_messages["invalid_choice"] = refusal
