"""Forms of the organization pages."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from fleet.alerts.channels import channels
from fleet.alerts.models.digest import Digest
from fleet.core.sending.public_post import URL_MOST
from fleet.core.zones import zone_choices
from fleet.organizations.access import Role
from fleet.organizations.models import Organization
from fleet.organizations.services import OrganizationChanges
from fleet.sync.models import MotusAccount
from sg_status.time_fields import DayField

#: In ascending order, so that nobody makes an owner by accident.
ROLE_CHOICES = (
    (Role.VIEWER.value, _("viewer: sees stations and data")),
    (Role.OPERATOR.value, _("operator: also manages stations")),
    (Role.OWNER.value, _("owner: also manages members, keys and the organization")),
)


def destination_channels() -> list[tuple[str, str]]:
    """Channels for which people enter addresses."""
    words = {"apprise": _("chat or push service"), "webhook": _("webhook")}
    return [(name, str(words.get(name, name))) for name, channel in channels().items() if channel.check]


class OrganizationForm(forms.Form):
    """Settings that an owner can change."""

    name = forms.CharField(label=_("Name"), max_length=120)
    timezone = forms.ChoiceField(
        label=_("Timezone"),
        choices=zone_choices,
        help_text=_("For new sites, and for mails to members without a timezone of their own."),
    )
    language = forms.ChoiceField(
        label=_("Language"),
        choices=lambda: settings.LANGUAGES,
        help_text=_("For alerts and other mails to all members."),
    )
    contact_email = forms.EmailField(
        label=_("Contact address"),
        required=False,
        max_length=254,
        help_text=_("Where members reach the person responsible for the organization. Only members see it."),
    )

    @classmethod
    def of(cls, organization: Organization, data: Any = None) -> "OrganizationForm":
        """The form with the current values."""
        form = cls(data, initial={name: getattr(organization, name) for name in cls.base_fields})
        choice = form.fields["timezone"]
        assert isinstance(choice, forms.ChoiceField)  # noqa: S101 - for the type checker
        choice.choices = zone_choices(organization.timezone)
        return form

    def changes(self) -> OrganizationChanges:
        """Only the changed fields, so that two simultaneous editors do not undo each other."""
        made = OrganizationChanges()
        if "name" in self.changed_data:
            made["name"] = self.cleaned_data["name"]
        if "timezone" in self.changed_data:
            made["timezone"] = self.cleaned_data["timezone"]
        if "language" in self.changed_data:
            made["language"] = self.cleaned_data["language"]
        if "contact_email" in self.changed_data:
            made["contact_email"] = self.cleaned_data["contact_email"]
        return made


class InvitationForm(forms.Form):
    """An address and a role."""

    email = forms.EmailField(
        label=_("Email address"), max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
    role = forms.ChoiceField(label=_("Role"), choices=ROLE_CHOICES)


class KeyForm(forms.Form):
    """A new key."""

    name = forms.CharField(label=_("Purpose"), max_length=50, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    whose = forms.ChoiceField(
        label=_("Belongs to"),
        choices=(
            ("mine", _("me: the key acts with my current role")),
            ("machine", _("a machine: the key stays when people leave")),
        ),
    )
    may = forms.ChoiceField(
        label=_("Access"), choices=(("read", _("read only")), ("write", _("read and act as an operator")))
    )
    stations = forms.CharField(
        label=_("Stations"),
        required=False,
        max_length=40_000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=_("Serials, one per line: the key works for these only. Leave empty for all stations."),
    )
    expires = DayField(
        label=_("Ends on"),
        is_end=True,
        required=False,
        help_text=_("At the end of that day. Leave empty if it ends only when revoked."),
    )


class DestinationForm(forms.Form):
    """A new destination of alerts."""

    channel = forms.ChoiceField(label=_("Channel"), choices=destination_channels)
    address = forms.CharField(
        label=_("Address"),
        max_length=URL_MOST,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=_(
            "Of a webhook: the URL to which Roost posts each message. Of a chat or push service: its address as Apprise "
            "writes it, such as ntfys://ntfy.sh/topic."
        ),
    )
    whose = forms.ChoiceField(
        label=_("Belongs to"),
        choices=(
            ("mine", _("me: deleted when I leave")),
            ("organization", _("the organization: only owners see it")),
        ),
    )


class DigestForm(forms.Form):
    """How often the reader gets a digest by mail."""

    rhythm = forms.ChoiceField(
        label=_("Digest by mail"),
        required=False,
        choices=(("", pgettext_lazy("digest", "none")), *Digest.Rhythm.choices),
        help_text=_(
            "What happened, which stations need attention, and how much of the data has arrived. It comes in the "
            "morning, after the day, week or month that it covers."
        ),
    )


class MotusForm(forms.Form):
    """A login at Motus. The password is never shown again, so its field is empty."""

    login = forms.CharField(
        label=_("Login"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=_(
            "As on motus.org. It is best to give this server a login of its own, with rights in your projects only."
        ),
    )
    password = forms.CharField(
        label=_("Password"),
        required=False,
        strip=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Stored encrypted and never shown again. Leave empty to keep the stored one."),
    )
    projects = forms.CharField(
        label=_("Numbers of projects"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric"}),
        help_text=_("At Motus, as 74, 512. Leave empty for all projects of the login."),
    )

    is_automatic = forms.BooleanField(
        label=_("Send files automatically"),
        required=False,
        help_text=_(
            "Roost sends each day's files once they pass the same checks that Motus makes. Otherwise people send "
            "them on the page “Files for Motus”."
        ),
    )

    @classmethod
    def of(cls, account: MotusAccount, data: Any = None) -> "MotusForm":
        """The form with the current login and projects."""
        numbers = ", ".join(str(number) for number in account.project_ids)
        return cls(data, initial={"login": account.login, "projects": numbers, "is_automatic": account.is_automatic})

    def clean_projects(self) -> list[int]:
        """The numbers, in the order in which they were entered."""
        words = self.cleaned_data["projects"].replace(",", " ").replace(";", " ").split()
        if not all(word.isascii() and word.isdigit() for word in words):
            raise forms.ValidationError(_("Enter numbers with commas between them, such as 74, 512."))
        return [int(word) for word in words]


class OrganizationDeleteForm(forms.Form):
    """The name, typed to confirm."""

    name = forms.CharField(
        label=_("Name of the organization"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class AuditForm(forms.Form):
    """Filters of the audit log; the URL holds them."""

    who = forms.CharField(label=_("Person"), max_length=150, required=False)
    action = forms.CharField(label=_("Action"), max_length=64, required=False)
    subject = forms.CharField(label=_("Subject"), max_length=200, required=False)
    start = DayField(label=_("From"), required=False)
    end = DayField(label=_("To"), is_end=True, required=False)
