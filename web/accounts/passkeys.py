"""Passkey forms in our own words; malformed input from a stranger is refused without a server error."""

from collections.abc import Callable
from typing import Any, TypeVar

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn import forms as passkeys
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db import Error
from django.forms import CharField
from django.utils.translation import gettext_lazy as _

_NAME_MOST = 100
T = TypeVar("T")


class AddPasskeyForm(passkeys.AddWebAuthnForm):
    """A passkey's name, and whether it allows login without the password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name, alone = self.fields["name"], self.fields["passwordless"]
        _limit_name(name)
        alone.label = _("Allow login without the password")
        alone.help_text = _("It then asks for a fingerprint, a face or its PIN each time.")
        alone.initial = True

    def clean(self) -> dict[str, Any]:
        """The browser's input, parsed."""
        return _parse(super().clean)


class EditPasskeyForm(passkeys.EditWebAuthnForm):
    """A new name for a passkey."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _limit_name(self.fields["name"])


class AuthenticatePasskeyForm(passkeys.AuthenticateWebAuthnForm):
    """A passkey as the second factor."""

    def clean_credential(self) -> Authenticator:
        """The browser's input, parsed."""
        return _parse(super().clean_credential)


class LoginPasskeyForm(passkeys.LoginWebAuthnForm):
    """A passkey instead of name and password."""

    def clean_credential(self) -> Authenticator:
        """The browser's input, parsed."""
        return _parse(super().clean_credential)


class ReauthenticatePasskeyForm(passkeys.ReauthenticateWebAuthnForm):
    """A passkey, to confirm it is the user."""

    def clean_credential(self) -> Authenticator:
        """The browser's input, parsed."""
        return _parse(super().clean_credential)


def _limit_name(field: CharField) -> None:
    field.label = _("Name for it")
    field.validators.append(MaxLengthValidator(_NAME_MOST))
    field.widget.attrs["maxlength"] = str(_NAME_MOST)


def _parse(read: Callable[[], T]) -> T:
    try:
        return read()
    except (ValidationError, Error):
        raise
    except Exception as error:
        # The libraries called here let internal errors through: KeyError, IndexError, InvalidSignature …
        raise ValidationError(_("This passkey could not be read. Try again.")) from error
