"""Claiming a device by the short code it shows: few guesses, valid for half an hour, works once.

A code has 8 of 32 characters, so with 10,000 open codes one guess hits with a chance of 1 in 100 million. The limits of
ten wrong codes per hour and account and thirty per hour and address keep it that low; a right code does not count.
"""

import secrets
from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.errors import NotFound, TooMany
from fleet.core.requests.origin import origin_now
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.stations.joining.newcomers import newcomer_accept, newcomer_make
from fleet.stations.models import Newcomer, Station

#: Without 0, O, 1 and I: people read it from a small screen and type it on a phone.
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_LENGTH, _HALF = 8, 4
LIFE = timedelta(minutes=30)
#: Maximum open codes on this server, and from one network address.
OPEN_MOST, OPEN_OF_ADDRESS_MOST = 10_000, 100
#: Maximum wrong codes per hour, by account (or key) and by network address.
WRONG_OF_ACCOUNT_MOST, WRONG_OF_ADDRESS_MOST = 10, 30
WRONG_WITHIN_S = 3_600
_MADE_TRIES = 5


def claim_open(*, serial: str, hardware: dict[str, Any]) -> tuple[Newcomer, str, str]:
    """Give a device a code; return the device, its secret and the code. Raises `TooMany`."""
    newcomer, secret = newcomer_make(
        way=Newcomer.Way.CLAIM, organization=None, serial=serial, hardware=hardware, life=LIFE
    )
    shown = Newcomer.objects.filter(way=Newcomer.Way.CLAIM, state=Newcomer.State.WAITING)
    shown = shown.filter(expires_at__gt=newcomer.arrived_at)
    if (
        shown.filter(address=newcomer.address).count() >= OPEN_OF_ADDRESS_MOST
        or shown.count() >= OPEN_MOST  # each open code makes guessing easier
    ):
        raise TooMany(_("Too many devices are showing a code right now. Try again in half an hour."))
    for _try in range(_MADE_TRIES):
        code = "".join(secrets.choice(ALPHABET) for _place in range(_LENGTH))
        newcomer.code_hash = _code_hash(code)
        try:
            with transaction.atomic():
                newcomer.save(force_insert=True)
        except IntegrityError:
            continue
        return newcomer, secret, f"{code[:_HALF]}-{code[_HALF:]}"
    raise TooMany(_("Too many devices are showing a code right now. Try again in half an hour."))


def claim_look(*, viewer: Viewer, code: str) -> Newcomer:
    """The device that shows this code. Raises `NotFound`, or `TooMany` after too many wrong codes."""
    viewer.require_somewhere(Role.OPERATOR, to=_("claim a station"))
    counters = _counters(viewer)
    for key, most in counters:
        if int(cache.get(key, 0)) >= most:
            raise TooMany(_("Too many wrong codes. Wait an hour, then check the code on the device and type it again."))
    # Count before looking, so that many tries at once cannot all slip through.
    for key, _most in counters:
        cache.add(key, 0, WRONG_WITHIN_S)
        cache.incr(key)
    found = Newcomer.objects.filter(
        way=Newcomer.Way.CLAIM,
        state=Newcomer.State.WAITING,
        code_hash=_code_hash(code_plain(code)),
        expires_at__gt=clock.now(),
    ).first()
    if found is None:
        raise NotFound(
            _("No device is showing this code now. A code works once and for 30 minutes: check the code on the device.")
        )
    for key, _most in counters:
        cache.decr(key)
    return found


def claim_take(*, viewer: Viewer, code: str, organization: Organization, name: str = "") -> Station:
    """Make the device that shows this code a station of the organization; it fetches its login by itself.

    Raises what `claim_look` raises, `Forbidden`, `Conflict`, and `InvalidInput` if the serial is taken.
    """
    viewer.require(Role.OPERATOR, organization=organization, to=_("add a station to %(name)s"))
    newcomer = claim_look(viewer=viewer, code=code)
    return newcomer_accept(newcomer=newcomer, actor=viewer, organization=organization, name=name)


def code_plain(code: str) -> str:
    """The code as generated: in capitals, without separators."""
    return "".join(char for char in code.upper()[:40] if char in ALPHABET)


def _counters(viewer: Viewer) -> tuple[tuple[str, int], ...]:
    account = f"user-{viewer.user.pk}" if viewer.user else origin_now().key_prefix or viewer.name
    address = origin_now().address or "unknown"
    return (
        (f"claim:wrong:account:{account.encode().hex()}", WRONG_OF_ACCOUNT_MOST),
        (f"claim:wrong:address:{address}", WRONG_OF_ADDRESS_MOST),
    )


def _code_hash(code: str) -> str:
    """A keyed hash: from a plain one, somebody who has read the table could find the code, which has only 40 bits."""
    return salted_hmac("fleet.stations.joining.claims", code, algorithm="sha256").hexdigest()
