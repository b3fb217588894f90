"""Logging in, with a brake on guessing."""

import hashlib

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

#: Failed attempts for one name from one address, and for how many seconds they are remembered.
ATTEMPTS_MOST, REMEMBERED_S = 10, 300


class LoginForm(AuthenticationForm):
    """Name and password; after too many failures nothing is looked up for a while."""

    def clean(self) -> dict[str, object]:
        """Count failures per name and address; a success forgets them."""
        key = self._brake_key()
        if cache.get(key, 0) >= ATTEMPTS_MOST:
            raise ValidationError(
                _("Too many wrong passwords for this name. Wait five minutes, then log in again."), code="braked"
            )
        try:
            cleaned: dict[str, object] = super().clean()
        except ValidationError:
            cache.add(key, 0, REMEMBERED_S)
            cache.incr(key)
            raise
        cache.delete(key)
        return cleaned

    def _brake_key(self) -> str:
        address = self.request.META.get("REMOTE_ADDR", "") if self.request is not None else ""
        name = str(self.cleaned_data.get("username", "")).casefold()
        return "login-brake:" + hashlib.sha256(f"{address}\n{name}".encode()).hexdigest()


class Login(LoginView):
    """The first page; who is logged in already goes on to the fleet."""

    template_name = "login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True
