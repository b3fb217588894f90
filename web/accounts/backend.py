"""Password check with one hash per attempt, for known and unknown users, by name or address."""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.models import User
from django.http import HttpRequest

from web.accounts.logins import user_of_login


class PasswordBackend(AuthenticationBackend):
    """Checks a password for a name or an address, with one hash per attempt.

    The library's own backend hashes twice for an address that belongs to somebody and once for any other; the
    difference can be measured.
    """

    def _authenticate(self, _request: HttpRequest | None, **credentials: Any) -> User | None:
        typed = str(credentials.get("username") or credentials.get("email") or "")
        found: User | None = self._check_password(user_of_login(typed), str(credentials.get("password") or ""))
        return found

    def get_user(self, user_id: int) -> User | None:
        """The person, with language and time zone from the same query."""
        found = User.objects.select_related("person").filter(pk=user_id).first()
        return found if found is not None and self.user_can_authenticate(found) else None
