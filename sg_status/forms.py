"""Form fields that several families of pages use."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy

from fleet.organizations.models import Organization

if TYPE_CHECKING:
    _ModelChoiceField = forms.ModelChoiceField[Organization]
else:
    # Generic for the type checker only.
    _ModelChoiceField = forms.ModelChoiceField


class OrganizationField(_ModelChoiceField):
    """One of the organizations in which the viewer may act. `refusal`: what is said of any other."""

    def __init__(self, organizations: frozenset[int] = frozenset(), *, refusal: Any = "", **options: Any) -> None:
        choices = Organization.objects.filter(id__in=organizations, deleted_at=None).order_by("name")
        super().__init__(choices, label=gettext_lazy("Organization"), empty_label=None, **options)
        if refusal:
            self.error_messages["invalid_choice"] = refusal
