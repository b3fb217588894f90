"""Encryption of stored secrets with the site's key: a copy of the tables alone opens nothing."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.encoding import force_bytes


def seal(text: str, *, purpose: str) -> str:
    """Encrypt a secret. A secret sealed for one purpose cannot be opened for another."""
    return _seals(purpose).encrypt(text.encode()).decode()


def unseal(sealed: str, *, purpose: str) -> str | None:
    """Decrypt a secret, also with an earlier site key; None if no key fits."""
    try:
        return _seals(purpose).decrypt(sealed.encode()).decode()
    except InvalidToken:
        return None


def _seals(purpose: str) -> MultiFernet:
    return MultiFernet([_one(purpose, key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _one(purpose: str, key: str | bytes) -> Fernet:
    digest = hashlib.sha256(b"roost " + purpose.encode() + b" " + force_bytes(key)).digest()
    return Fernet(base64.urlsafe_b64encode(digest))
