"""Checking a password once, whether a person is known or not and whatever the login was typed as."""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.models import User
from django.http import HttpRequest

from web.accounts.logins import user_of_login


class PasswordBackend(AuthenticationBackend):
    """Names and addresses, with one hash an attempt.

    The library's own hashes twice for an address that somebody has, and once for any other: that can be measured.
    """

    def _authenticate(self, _request: HttpRequest | None, **credentials: Any) -> User | None:
        typed = str(credentials.get("username") or credentials.get("email") or "")
        found: User | None = self._check_password(user_of_login(typed), str(credentials.get("password") or ""))
        return found
