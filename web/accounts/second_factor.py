"""The second factor: names for authenticator apps and passkeys, and encryption of their secrets in the database."""

from typing import Final

from allauth.mfa.adapter import DefaultMFAAdapter
from django.utils.translation import gettext_lazy as _

from fleet.core.sealing import seal, unseal

_PURPOSE: Final = "second factor"


class SecondFactorAdapter(DefaultMFAAdapter):
    """Encrypts secrets with the site's key: a copy of the tables alone opens no account."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _("This code is wrong or already used. Wait for the next one, and check the phone's clock."),
    }

    def encrypt(self, text: str) -> str:
        """Encrypt a secret."""
        return seal(text, purpose=_PURPOSE)

    def decrypt(self, encrypted_text: str) -> str:
        """Decrypt a secret, also with an earlier site key; one that cannot be decrypted matches no code."""
        return unseal(encrypted_text, purpose=_PURPOSE) or ""
