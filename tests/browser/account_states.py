"""Accounts in states that show rarer pages: with every second factor, half logged in, or without a password."""

import os
from hashlib import sha256

from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from cryptography.hazmat.primitives.asymmetric import ec
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData, CollectedClientData

PASSWORD = "a long password"


def proved(user: User) -> Client:
    """A client that has just confirmed its password, so that no page asks for it again."""
    user.set_password(PASSWORD)
    user.save()
    client = Client()
    client.force_login(user)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    return client


def secured(name: str) -> tuple[Client, dict[str, str]]:
    """A person with an app, a passkey and recovery codes, and the pages for these."""
    user = _person(name)
    client = proved(user)
    TOTP.activate(user, generate_totp_secret())
    RecoveryCodes.activate(user)
    key = passkey_give(user)
    of_key = ("mfa_remove_webauthn", "mfa_edit_webauthn")
    places = {address: reverse(address, kwargs={"pk": key.pk}) for address in of_key}
    own = (
        "account",
        "mfa_index",
        "mfa_deactivate_totp",
        "mfa_view_recovery_codes",
        "mfa_generate_recovery_codes",
        "mfa_list_webauthn",
        "mfa_reauthenticate",
        "mfa_reauthenticate_webauthn",
    )
    places |= {address: reverse(address) for address in own}
    return client, places


def half_in(name: str) -> tuple[Client, dict[str, str]]:
    """A person who entered the right password and is asked for the second factor."""
    user = _person(name)
    user.set_password(PASSWORD)
    user.save()
    TOTP.activate(user, generate_totp_secret())
    client = Client()
    client.post(reverse("login"), {"login": name, "password": PASSWORD})
    return client, {"mfa_authenticate": reverse("mfa_authenticate")}


def without_password(name: str) -> tuple[Client, dict[str, str]]:
    """A person who has only ever used a passkey."""
    user = _person(name)
    user.set_unusable_password()
    user.save()
    client = Client()
    client.force_login(user)
    return client, {"account_set_password": reverse("account_set_password")}


def with_links(name: str) -> tuple[Client, dict[str, str]]:
    """A person who is not logged in, with links from mails: to confirm an address, and to choose a new password."""
    user = _person(name)
    fresh = EmailAddress.objects.create(user=user, email=f"second-{name}@example.org", verified=False)
    number, client = user_pk_to_url_str(user), Client()
    key = default_token_generator.make_token(user)
    address = "account_reset_password_from_key"
    client.get(reverse(address, kwargs={"uidb36": number, "key": key}))
    return client, {
        address: reverse(address, kwargs={"uidb36": number, "key": "set-password"}),
        "account_confirm_email": reverse("account_confirm_email", args=[EmailConfirmationHMAC(fresh).key]),
    }


def passkey_give(user: User) -> Authenticator:
    """A passkey as a browser would create it, for the site's own name."""
    public = ES256.from_cryptography_key(ec.generate_private_key(ec.SECP256R1()).public_key())
    credential = AttestedCredentialData.create(b"\0" * 16, os.urandom(16), public)
    flags = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.UV | AuthenticatorData.FLAG.AT
    proof = AuthenticatorData.create(sha256(b"localhost").digest(), flags, 1, credential)
    said = CollectedClientData.create("webauthn.create", b"challenge", "http://localhost")
    number = websafe_encode(credential.credential_id)
    response = {
        "clientDataJSON": websafe_encode(said),
        "attestationObject": websafe_encode(AttestationObject.create("none", proof, {})),
    }
    data = {"id": number, "rawId": number, "type": "public-key", "response": response, "clientExtensionResults": {}}
    return Authenticator.objects.create(
        user=user, type=Authenticator.Type.WEBAUTHN, data={"name": "Field phone", "credential": data}
    )


def _person(name: str) -> User:
    user = User.objects.create_user(name, f"{name}@example.org")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user
