"""Enrolment and revocation: a single-use token becomes a station's broker login; revoking ends all its logins.

Each login is a generation: its user name is never used again, so a revoked login cannot come back. A desk that reads
the station's cards has a login of its own beside the station's: neither ends the other.
"""

import hashlib
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import Conflict, Unavailable
from fleet.core.outbox import job_ask
from fleet.organizations.access import Role, Viewer
from fleet.stations.errors import BrokerUnreachable, EnrolmentRefused
from fleet.stations.logins.broker import BrokerAccess, broker_ca_pem
from fleet.stations.models import Credential, EnrolmentToken, LoginPurpose, Station
from message_queue import routing

RECONCILE_JOB = "stations.reconcile_broker"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Grant:
    """A station's or desk's login on the broker. The password is shown once and stored only as a hash."""

    host: str
    port: int
    tls: bool
    vhost: str
    username: str
    password: str
    exchange: str
    #: Empty for a desk: only the station gets commands.
    command_queue: str
    ca_pem: str


def token_hash(token: str) -> str:
    """The stored form of a token or password. With 160 random bits or more, nobody can search a plain hash."""
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def enrolment_token_create(*, station: Station, actor: Viewer, purpose: LoginPurpose = LoginPurpose.STATION) -> str:
    """Make a token that fetches a login once. Earlier unused tokens of the same purpose stop working."""
    # Hexadecimal, because people type it, and so that it never begins like a command line option.
    token = secrets.token_hex(20)
    enrolment_token_adopt(
        station=station,
        actor=actor,
        secret_hash=token_hash(token),
        life=settings.ROOST_ENROLMENT_TOKEN_LIFE,
        purpose=purpose,
    )
    return token


@transaction.atomic
def enrolment_token_adopt(
    *,
    station: Station,
    actor: Viewer,
    secret_hash: str,
    life: timedelta,
    purpose: LoginPurpose = LoginPurpose.STATION,
) -> None:
    """Accept a secret, known only by its hash, as a token. Earlier unused ones of its purpose stop working."""
    actor.require(Role.OPERATOR, organization=station.organization_id, to=_("enrol %(serial)s"), serial=station.serial)
    if station.retired_at is not None:
        raise Conflict(_("%(serial)s is retired and cannot get an enrolment token.") % {"serial": station.serial})
    moment = clock.now()
    tokens_end(station.pk, purpose)
    EnrolmentToken.objects.create(
        station=station,
        token_hash=secret_hash,
        created_by=actor.user,
        created_at=moment,
        expires_at=moment + life,
        purpose=purpose,
    )
    audit(actor, station, "station.enrolment_token", **_purpose_detail(purpose))


def station_enrol(
    *, serial: str, token: str, hardware: dict[str, Any], purpose: LoginPurpose = LoginPurpose.STATION
) -> Grant:
    """Turn a token into a login of its purpose. Raises `EnrolmentRefused`, `BrokerUnreachable` or `Unavailable`.

    1. Claim the token and the next generation by conditional UPDATE: of several attempts at once, one wins.
    2. Create the login on the broker, its password last.
    3. Make it the login of its purpose, unless it was revoked in the meantime. Older logins of that purpose end now, or
       after a while in a rotation.
    If step 2 fails, nobody can use the login, and the token is usable again.
    """
    credential, used_at = _claim(serial, token, hardware, purpose)
    # Broker names use the serial as registered, whatever case somebody typed.
    serial = credential.station.serial
    is_rotation = EnrolmentToken.objects.filter(token_hash=token_hash(token), is_rotation=True).exists()
    password = secrets.token_urlsafe(32)
    try:
        with BrokerAccess.open() as broker:
            if purpose == LoginPurpose.UPLOAD:
                broker.upload_ensure(serial)
            else:
                broker.station_ensure(serial)
            broker.user_make(credential.username, password)
    except Unavailable:
        _unclaim(credential, token, used_at)
        raise
    Credential.objects.filter(pk=credential.pk).update(secret_hash=token_hash(password))
    replaced = _adopt(credential, is_rotation=is_rotation)
    _users_delete(replaced)
    is_upload = purpose == LoginPurpose.UPLOAD
    return Grant(
        host=settings.ROOST_STATION_AMQP_HOST,
        port=settings.ROOST_STATION_AMQP_PORT,
        tls=settings.ROOST_STATION_AMQP_TLS,
        vhost=settings.ROOST_FLEET_VHOST,
        username=credential.username,
        password=password,
        exchange=routing.upload_exchange(serial) if is_upload else routing.station_exchange(serial),
        command_queue="" if is_upload else routing.command_queue(serial),
        ca_pem=broker_ca_pem(),
    )


def station_revoke(*, station: Station, actor: Viewer, purpose: LoginPurpose | None = None) -> int:
    """End a station's logins and unused tokens, all or those of one purpose; return how many logins ended. Repeatable.

    The broker closes a deleted login's connections at once. If the broker does not answer, the logins are marked
    revoked, a job keeps trying, and `BrokerUnreachable` is raised.
    """
    actor.require(Role.OPERATOR, organization=station.organization_id, to=_("revoke %(serial)s"), serial=station.serial)
    moment = clock.now()
    with transaction.atomic():
        # Tokens before the station: an enrolment locks them in the same order.
        tokens_end(station.pk, purpose)
        Station.objects.select_for_update().get(pk=station.pk)
        ended = _logins(station, purpose).filter(revoked_at=None).update(revoked_at=moment)
        if ended:
            audit(actor, station, "station.revoke", logins=ended, **_purpose_detail(purpose))
    if not station_logins_end(station, purpose):
        raise BrokerUnreachable(
            _(
                "%(serial)s is revoked here, but the broker does not answer: an open connection of the station "
                "stays open until the broker is back. Roost then closes it by itself."
            )
            % {"serial": station.serial}
        )
    return ended


@transaction.atomic
def _claim(serial: str, token: str, hardware: dict[str, Any], purpose: LoginPurpose) -> tuple[Credential, datetime]:
    moment = clock.now()
    station_id = Station.objects.filter(serial__iexact=serial).values_list("pk", flat=True).first() or 0
    # Only columns of this table: with a join, a racing UPDATE would see the token as it was before the wait.
    open_tokens = EnrolmentToken.objects.filter(
        token_hash=token_hash(token), station_id=station_id, used_at=None, expires_at__gt=moment
    )
    if not open_tokens.filter(purpose=purpose).update(used_at=moment):
        # Somebody with the token may know its purpose. The token stays usable.
        raise _purpose_refusal(purpose) if open_tokens.exists() else _token_refusal()
    station = Station.objects.select_for_update().get(pk=station_id)
    if station.retired_at is not None:
        raise _token_refusal()
    station.generation += 1
    station.save(update_fields=["generation"])
    username = routing.upload_user if purpose == LoginPurpose.UPLOAD else routing.station_user
    credential = Credential.objects.create(
        station=station,
        generation=station.generation,
        purpose=purpose,
        username=username(station.serial, station.generation),
        hardware=hardware,
        issued_at=moment,
    )
    return credential, moment


def _unclaim(credential: Credential, token: str, used_at: datetime) -> None:
    """Undo the claim: revoke the login and make the token usable again. Until deleted, it has no rights or password."""
    with transaction.atomic():
        Credential.objects.filter(pk=credential.pk).update(revoked_at=clock.now())
        EnrolmentToken.objects.filter(token_hash=token_hash(token), used_at=used_at).update(used_at=None)
    _users_delete([credential.username])


def _adopt(credential: Credential, *, is_rotation: bool) -> list[str]:
    """Make the new login the only one of its purpose; return the user names it replaces. Refused if revoked meanwhile.

    In a rotation the older ones keep working for a while: see `fleet.stations.logins.rotation`.
    """
    moment = clock.now()
    with transaction.atomic():
        station = Station.objects.select_for_update().get(pk=credential.station_id)
        is_valid = Credential.objects.filter(pk=credential.pk, revoked_at=None).exists()
        older = _logins(station, credential.purpose).filter(generation__lt=credential.generation)
        replaced = list(older.values_list("username", flat=True)) if is_valid else []
        if is_valid and is_rotation:
            replaced = []
            older.filter(revoked_at=None, ends_at=None).update(ends_at=moment + settings.ROOST_ROTATION_OVERLAP)
        elif is_valid:
            older.filter(revoked_at=None).update(revoked_at=moment)
        if is_valid:
            told = _purpose_detail(credential.purpose)
            audit(None, station, "station.enrol", generation=credential.generation, **told)
    if not is_valid:
        _users_delete([credential.username])
        raise _token_refusal()
    return replaced


def station_logins_end(station: Station, purpose: LoginPurpose | None = None) -> bool:
    """Delete all broker logins a station ever had, closing their connections; False if that is left to a job."""
    return _users_delete(list(_logins(station, purpose).values_list("username", flat=True)))


def upload_logins_end(station_id: int, moment: datetime) -> int:
    """End the desks' logins, as when the station moves to another organization; a job deletes them on the broker."""
    logins = Credential.objects.filter(station_id=station_id, purpose=LoginPurpose.UPLOAD, revoked_at=None)
    ended = logins.update(revoked_at=moment)
    if ended:
        job_ask(RECONCILE_JOB)
    return ended


def _logins(station: Station, purpose: str | None) -> QuerySet[Credential]:
    """The station's logins including past ones, all or those of one purpose."""
    logins = Credential.objects.filter(station=station)
    return logins if purpose is None else logins.filter(purpose=purpose)


def _users_delete(usernames: list[str]) -> bool:
    """Delete logins on the broker and return whether all are gone; if not, queue a job for the rest."""
    if not usernames:
        return True
    try:
        with BrokerAccess.open() as broker:
            for username in usernames:
                broker.user_delete(username)
    except Unavailable as error:
        _log.warning("Logins %s could not be deleted on the broker: %s", ", ".join(usernames), error)
        job_ask(RECONCILE_JOB)
        return False
    return True


def tokens_end(station_id: int, purpose: LoginPurpose | None = None) -> None:
    """Expire all tokens made so far (of one purpose), even one that a failing enrolment is about to release."""
    tokens = EnrolmentToken.objects.filter(station_id=station_id)
    (tokens if purpose is None else tokens.filter(purpose=purpose)).update(expires_at=F("created_at"))


def _token_refusal() -> EnrolmentRefused:
    return EnrolmentRefused(_("This serial and token do not match an open enrolment. Ask for a new token."))


def _purpose_refusal(asked: LoginPurpose) -> EnrolmentRefused:
    if asked == LoginPurpose.UPLOAD:
        return EnrolmentRefused(
            _("This token is for the station itself. Make one for a desk: it does not affect the station's login.")
        )
    return EnrolmentRefused(_("This token is for a desk that uploads files: enrol with --for-upload."))


def _purpose_detail(purpose: str | None) -> dict[str, str]:
    """The audit log detail for a login that is not the station's own."""
    return {"purpose": LoginPurpose.UPLOAD.value} if purpose == LoginPurpose.UPLOAD else {}
