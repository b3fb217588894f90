"""Enrolment: a single-use token becomes a station's broker login, and revoking ends every login it has.

A login is a generation: its user name is used once and never again, so a revoked one cannot come back. A desk that
reads the station's cards has a login of its own beside the station's: neither ends the other.
"""

import hashlib
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import DomainError
from fleet.core.outbox import job_ask
from fleet.organizations.access import Role, Viewer
from fleet.organizations.errors import NotAllowed
from fleet.stations.errors import BrokerUnreachable, EnrolmentRefused, StationIsRetired
from fleet.stations.logins.broker import BrokerAccess
from fleet.stations.models import Credential, EnrolmentToken, LoginPurpose, Station
from message_queue import routing

RECONCILE_JOB = "stations.reconcile_broker"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a station, or a desk with its cards, needs to speak with the broker. The password is shown this once and stored nowhere."""

    host: str
    port: int
    tls: bool
    vhost: str
    username: str
    password: str
    exchange: str
    #: Empty for a desk: commands are for the station.
    command_queue: str
    ca_pem: str


def token_hash(token: str) -> str:
    """What is stored of a token. It is 160 random bits, so a plain hash cannot be searched."""
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def enrolment_token_create(*, station: Station, actor: Viewer, purpose: LoginPurpose = LoginPurpose.STATION) -> str:
    """Make a token that fetches a login once. Earlier tokens of the same purpose that were not used end."""
    # Hexadecimal: people type it, and it never looks like an option of a command.
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
    """Let a secret that the device made known as a hash be its token. Earlier ones of the same purpose, not used, end."""
    if not actor.may(Role.OPERATOR, station.organization_id):
        raise NotAllowed(_("Enrolling %(serial)s takes the role operator.") % {"serial": station.serial})
    if station.retired_at is not None:
        raise StationIsRetired(_("%(serial)s is retired and gets no enrolment token.") % {"serial": station.serial})
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
    _audit(actor, station, "station.enrolment_token", **_purpose_told(purpose))


def station_enrol(
    *, serial: str, token: str, hardware: dict[str, Any], purpose: LoginPurpose = LoginPurpose.STATION
) -> Grant:
    """Turn a token into a login of the purpose that it was made for. Raises `EnrolmentRefused` or `BrokerUnreachable`.

    1. Claim the token and the next generation, by conditional UPDATE: of many at once, one wins.
    2. Make the login on the broker, its password last.
    3. Make it the login of its purpose, unless somebody revoked it meanwhile; the older ones of that purpose end now, or
       soon in a rotation.
    A failure at 2 leaves a login that nobody can use and the token usable again.
    """
    credential, used_at = _claim(serial, token, hardware, purpose)
    # On the broker everything has the name as it was registered, whatever case somebody typed.
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
    except DomainError:
        _unclaim(credential, token, used_at)
        raise
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
        ca_pem=_ca_pem(),
    )


def station_revoke(*, station: Station, actor: Viewer, purpose: LoginPurpose | None = None) -> int:
    """End every login and unused token of a station, or those of one purpose; return how many logins ended. May be called again.

    The broker closes a deleted login's live connection at once. When the broker does not answer, the logins are
    marked revoked, a job goes on trying, and `BrokerUnreachable` says so.
    """
    if not actor.may(Role.OPERATOR, station.organization_id):
        raise NotAllowed(_("Revoking %(serial)s takes the role operator.") % {"serial": station.serial})
    moment = clock.now()
    with transaction.atomic():
        # Tokens before the station: an enrolment locks them in the same order.
        tokens_end(station.pk, purpose)
        Station.objects.select_for_update().get(pk=station.pk)
        ended = _logins(station, purpose).filter(revoked_at=None).update(revoked_at=moment)
        if ended:
            _audit(actor, station, "station.revoke", logins=ended, **_purpose_told(purpose))
    if not station_logins_end(station, purpose):
        raise BrokerUnreachable(
            _(
                "%(serial)s is revoked here, but the broker does not answer: a live connection of it stays open "
                "until the broker is back, then it is closed without further ado."
            )
            % {"serial": station.serial}
        )
    return ended


@transaction.atomic
def _claim(serial: str, token: str, hardware: dict[str, Any], purpose: LoginPurpose) -> tuple[Credential, datetime]:
    moment = clock.now()
    station_id = Station.objects.filter(serial__iexact=serial).values_list("pk", flat=True).first() or 0
    # Plain columns only: with a join, a racing UPDATE would look at the token as it was before it waited.
    open_tokens = EnrolmentToken.objects.filter(
        token_hash=token_hash(token), station_id=station_id, used_at=None, expires_at__gt=moment
    )
    if not open_tokens.filter(purpose=purpose).update(used_at=moment):
        # Whoever has the token may know what it is for; it stays good.
        raise _made_for_another(purpose) if open_tokens.exists() else _refused()
    station = Station.objects.select_for_update().get(pk=station_id)
    if station.retired_at is not None:
        raise _refused()
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
    """Leave nothing usable, and the token as it was; a login that cannot be deleted now has no rights or no password."""
    with transaction.atomic():
        Credential.objects.filter(pk=credential.pk).update(revoked_at=clock.now())
        EnrolmentToken.objects.filter(token_hash=token_hash(token), used_at=used_at).update(used_at=None)
    _users_delete([credential.username])


def _adopt(credential: Credential, *, is_rotation: bool) -> list[str]:
    """Make the new login the only one of its purpose; return the user names that it replaces. Refused when it was revoked meanwhile.

    In a rotation the older ones work on for a while: see `fleet.stations.logins.rotation`.
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
            told = _purpose_told(credential.purpose)
            _audit(None, station, "station.enrol", generation=credential.generation, **told)
    if not is_valid:
        _users_delete([credential.username])
        raise _refused()
    return replaced


def station_logins_end(station: Station, purpose: LoginPurpose | None = None) -> bool:
    """Delete every login that a station ever had on the broker, which closes its connections; False: a job will."""
    return _users_delete(list(_logins(station, purpose).values_list("username", flat=True)))


def upload_logins_end(station_id: int, moment: datetime) -> int:
    """End the logins of desks, as when the station goes to another organization; the broker is told by a job."""
    logins = Credential.objects.filter(station_id=station_id, purpose=LoginPurpose.UPLOAD, revoked_at=None)
    ended = logins.update(revoked_at=moment)
    if ended:
        job_ask(RECONCILE_JOB)
    return ended


def _logins(station: Station, purpose: str | None) -> QuerySet[Credential]:
    """The station's logins, past ones too: all of them, or those of one purpose."""
    logins = Credential.objects.filter(station=station)
    return logins if purpose is None else logins.filter(purpose=purpose)


def _users_delete(usernames: list[str]) -> bool:
    """Delete logins on the broker; what does not work now is asked for as a job. Whether all are gone."""
    if not usernames:
        return True
    try:
        with BrokerAccess.open() as broker:
            for username in usernames:
                broker.user_delete(username)
    except DomainError as error:
        _log.warning("Logins %s could not be deleted on the broker: %s", ", ".join(usernames), error)
        job_ask(RECONCILE_JOB)
        return False
    return True


def tokens_end(station_id: int, purpose: LoginPurpose | None = None) -> None:
    """No token made so far (of one purpose) opens anything any more, not even one that an enrolment under way gives back."""
    tokens = EnrolmentToken.objects.filter(station_id=station_id)
    (tokens if purpose is None else tokens.filter(purpose=purpose)).update(expires_at=F("created_at"))


def _refused() -> EnrolmentRefused:
    return EnrolmentRefused(_("This serial and token do not open an enrolment. Ask for a new token."))


def _made_for_another(asked: LoginPurpose) -> EnrolmentRefused:
    if asked == LoginPurpose.UPLOAD:
        return EnrolmentRefused(
            _("This token is for the station itself. Make one for a desk: it leaves the station's login alone.")
        )
    return EnrolmentRefused(_("This token is for a desk that uploads files: enrol with --for-upload."))


def _purpose_told(purpose: str | None) -> dict[str, str]:
    """What the audit log says of a login that is not the station's own."""
    return {"purpose": LoginPurpose.UPLOAD.value} if purpose == LoginPurpose.UPLOAD else {}


def _ca_pem() -> str:
    return Path(settings.ROOST_CA_FILE).read_text(encoding="ascii") if settings.ROOST_CA_FILE else ""


def _audit(actor: Viewer | None, station: Station, action: str, **detail: Any) -> None:
    audit_write(
        actor=actor.user if actor else None,
        organization_id=station.organization_id,
        action=action,
        subject=station.serial,
        detail={**detail, **({"by": actor.name} if actor else {})},
    )
