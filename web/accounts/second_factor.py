"""The second factor: names for authenticator apps and passkeys, and encryption of their secrets in the database."""

import base64
import hashlib

from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.encoding import force_bytes
from django.utils.translation import gettext_lazy as _


class SecondFactorAdapter(DefaultMFAAdapter):
    """Encrypts secrets with the site's key: a copy of the tables alone opens no account."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _("This code is wrong or already used. Wait for the next one, and check the phone's clock."),
    }

    def encrypt(self, text: str) -> str:
        """Encrypt a secret."""
        return _seals().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Decrypt a secret, also with an earlier site key; one that cannot be decrypted matches no code."""
        try:
            return _seals().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            return ""


def _seals() -> MultiFernet:
    return MultiFernet([_seal(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _seal(key: str | bytes) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"roost second factor " + force_bytes(key)).digest()))
