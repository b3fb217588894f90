"""Finding the user for a login: by name, or by an address that belongs to one person."""

from allauth.account.internal.userkit import filter_users_by_email, get_user_by_username
from django.contrib.auth.models import User


def user_of_login(typed: str) -> User | None:
    """The person with this name, otherwise with this address; None if there is none, or several."""
    typed = typed.strip()
    if not typed or "\0" in typed:
        return None
    named = get_user_by_username(typed)
    if isinstance(named, User):
        return named
    addressed = filter_users_by_email(typed, prefer_verified=True, for_login=True) if "@" in typed else []
    return addressed[0] if len(addressed) == 1 and isinstance(addressed[0], User) else None
