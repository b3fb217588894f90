"""Account forms, in our own words."""

from typing import Any

from allauth.account import forms as allauth
from allauth.mfa.base import forms as factors
from allauth.mfa.totp import forms as totp
from django.contrib import messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

PASSWORD_HELP = _("At least ten characters, and not a common password.")


class Plain(Form):
    """Removes allauth's grey placeholders, because the labels suffice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs.pop("placeholder", None)
            if name == "email":
                field.label = _("Email address")
            if "password" in name:
                field.help_text = PASSWORD_HELP if name == "password1" else ""


class LoginForm(Plain, allauth.LoginForm):
    """Name or address, password, and whether to stay logged in."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        login = self.fields["login"]
        login.label = _("Username or email address")
        login.widget.attrs.update(autocomplete="username", autocapitalize="none", maxlength="254")
        self.fields["remember"].label = _("Stay logged in on this device for two weeks")


class SignupForm(Plain, allauth.SignupForm):
    """Name, address, password. An address already taken gets the same answer, after the same work."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = _("Username")
        self.fields["username"].help_text = _("Visible to your colleagues. Only letters, digits and . + - _")

    def try_save(self, request: HttpRequest) -> tuple[AbstractBaseUser | None, HttpResponse | None]:
        """Save the person, unless the address is taken: then its owner gets a mail saying so."""
        if self.account_already_exists:
            # Hash anyway, so that the response time does not reveal who has an account.
            make_password(self.cleaned_data["password1"])
        try:
            # All or nothing: `AddressStage` would trust a person saved without an address as made by an administrator.
            with transaction.atomic():
                saved: tuple[AbstractBaseUser | None, HttpResponse | None] = super().try_save(request)
        except IntegrityError:
            messages.error(request, _("Someone took this name a moment ago: choose another."))
            return None, redirect("account_signup")
        return saved


class ChangePasswordForm(Plain, allauth.ChangePasswordForm):
    """The old password and the new one twice."""


class SetPasswordForm(Plain, allauth.SetPasswordForm):
    """A first password, twice."""


class ResetPasswordForm(Plain, allauth.ResetPasswordForm):
    """The address of an account whose password is lost."""


class ResetPasswordKeyForm(Plain, allauth.ResetPasswordKeyForm):
    """A new password, twice."""


class ReauthenticateForm(Plain, allauth.ReauthenticateForm):
    """The password, to confirm it is the user."""


class AddEmailForm(Plain, allauth.AddEmailForm):
    """An additional address."""


class AuthenticateForm(Plain, factors.AuthenticateForm):
    """A code from the app, or a recovery code."""


class ReauthenticateCodeForm(Plain, factors.ReauthenticateForm):
    """The same code, to confirm it is the user."""


class ActivateAppForm(Plain, totp.ActivateTOTPForm):
    """The first code from an app."""
