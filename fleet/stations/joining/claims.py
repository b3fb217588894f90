"""Claiming a device by the short code that it shows: few guesses, half an hour, once.

A code has 8 of 32 characters, so one guess at 10,000 open codes hits one of them with a chance of 1 to 100 million. Ten
wrong codes an hour for an account and thirty for an address keep it there; a right one costs nobody anything.
"""

import secrets
from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.origin import origin_now
from fleet.organizations.access import Role, Viewer
from fleet.organizations.errors import NotAllowed
from fleet.organizations.models import Organization
from fleet.stations.errors import CodeUnknown, QueueFull, TooManyTries
from fleet.stations.joining.newcomers import newcomer_accept, newcomer_make
from fleet.stations.models import Newcomer, Station

#: Neither 0 nor O, neither 1 nor I: people read it from a small screen and type it on a phone.
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_LENGTH, _HALF = 8, 4
LIFE = timedelta(minutes=30)
#: Open codes on this server, and of one network address.
OPEN_MOST, OPEN_OF_ADDRESS_MOST = 10_000, 100
#: Wrong codes in an hour, by account (or key) and by network address.
WRONG_OF_ACCOUNT_MOST, WRONG_OF_ADDRESS_MOST = 10, 30
WRONG_WITHIN_S = 3_600
_MADE_TRIES = 5


def claim_open(*, serial: str, hardware: dict[str, Any]) -> tuple[Newcomer, str, str]:
    """A device asks for a code: returns it with its secret and the code. Raises `QueueFull`."""
    newcomer, secret = newcomer_make(
        way=Newcomer.Way.CLAIM, organization=None, serial=serial, hardware=hardware, life=LIFE
    )
    shown = Newcomer.objects.filter(way=Newcomer.Way.CLAIM, state=Newcomer.State.WAITING)
    shown = shown.filter(expires_at__gt=newcomer.arrived_at)
    if (
        shown.filter(address=newcomer.address).count() >= OPEN_OF_ADDRESS_MOST
        or shown.count() >= OPEN_MOST  # each open code makes guessing easier
    ):
        raise QueueFull(_("Too many devices show a code at the moment. Ask again in half an hour."))
    for _try in range(_MADE_TRIES):
        code = "".join(secrets.choice(ALPHABET) for _place in range(_LENGTH))
        newcomer.code_hash = _code_hash(code)
        try:
            with transaction.atomic():
                newcomer.save(force_insert=True)
        except IntegrityError:
            continue
        return newcomer, secret, f"{code[:_HALF]}-{code[_HALF:]}"
    raise QueueFull(_("Too many devices show a code at the moment. Ask again in half an hour."))


def claim_look(*, viewer: Viewer, code: str) -> Newcomer:
    """The device that shows this code. Raises `CodeUnknown`, or `TooManyTries` after too many wrong ones."""
    if not viewer.organization_ids(Role.OPERATOR):
        raise NotAllowed(_("Claiming a station takes the role operator in an organization. Ask one of its owners."))
    counters = _counters(viewer)
    for key, most in counters:
        if int(cache.get(key, 0)) >= most:
            raise TooManyTries(_("Too many wrong codes. Wait an hour, then look at the device and type its code."))
    # Counted before the look, so that many at once do not all slip through.
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
        raise CodeUnknown(
            _("No device shows this code now. A code works once and for 30 minutes: look at the device again.")
        )
    for key, _most in counters:
        cache.decr(key)
    return found


def claim_take(*, viewer: Viewer, code: str, organization: Organization, name: str = "") -> Station:
    """Make the device that shows this code a station of the organization; it fetches its login by itself.

    Raises what `claim_look` does, `NotAllowed`, `NewcomerDecided`, and `InvalidInput` for a serial that is another's.
    """
    if not viewer.may(Role.OPERATOR, organization.id):
        raise NotAllowed(_("Adding a station to %(name)s takes the role operator.") % {"name": organization.name})
    newcomer = claim_look(viewer=viewer, code=code)
    return newcomer_accept(newcomer=newcomer, actor=viewer, organization=organization, name=name)


def code_plain(code: str) -> str:
    """The code as it was made: capitals, without what people put between."""
    return "".join(char for char in code.upper()[:40] if char in ALPHABET)


def _counters(viewer: Viewer) -> tuple[tuple[str, int], ...]:
    account = f"user-{viewer.user.pk}" if viewer.user else origin_now().key_prefix or viewer.name
    address = origin_now().address or "unknown"
    return (
        (f"claim:wrong:account:{account.encode().hex()}", WRONG_OF_ACCOUNT_MOST),
        (f"claim:wrong:address:{address}", WRONG_OF_ADDRESS_MOST),
    )


def _code_hash(code: str) -> str:
    """Keyed: 40 bits could be searched by whoever has read the table."""
    return salted_hmac("fleet.stations.joining.claims", code, algorithm="sha256").hexdigest()
