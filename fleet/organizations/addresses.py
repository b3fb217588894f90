"""Mail addresses as people type them."""

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from fleet.core.errors import InvalidInput

_MOST = 254


def address_check(email: str, *, field: str = "email", may_be_empty: bool = False) -> str:
    """Trimmed and in small letters. Raises `InvalidInput` naming the field."""
    email = email.strip()
    if not email and may_be_empty:
        return email
    if not email.isascii():
        # Folding case makes others of some letters: the Kelvin sign a k, the long s an s. Two people would have one address.
        raise InvalidInput(
            _("Write the address in plain letters (a to z); a domain that has others is written as xn--…."), field=field
        )
    email = email.lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise InvalidInput(_("This is no mail address: give one like name@example.org."), field=field) from error
    if len(email) > _MOST:
        raise InvalidInput(_("A mail address has at most %(most)d characters.") % {"most": _MOST}, field=field)
    return email
