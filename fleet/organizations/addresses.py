"""Validation of email addresses."""

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from fleet.core.errors import InvalidInput

_MOST = 254


def address_check(email: str, *, field: str = "email", may_be_empty: bool = False) -> str:
    """Validate, trim and lowercase an address. Raises `InvalidInput` naming the field."""
    email = email.strip()
    if not email and may_be_empty:
        return email
    if not email.isascii():
        # Case folding changes some letters into others (the Kelvin sign into k, the long s into s), so that two people
        # would share one address.
        raise InvalidInput(
            _("Use only plain letters (a to z) in the address; write a domain with other letters as xn--…."),
            field=field,
        )
    email = email.lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise InvalidInput(_("This is not an email address: enter one like name@example.org."), field=field) from error
    if len(email) > _MOST:
        raise InvalidInput(_("An email address can have at most %(most)d characters.") % {"most": _MOST}, field=field)
    return email
