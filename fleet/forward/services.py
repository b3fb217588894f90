"""Adding, changing, pausing, testing, back-filling and removing forwarders."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Upper
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import Conflict, InvalidInput, NotFound, TooMany
from fleet.core.outbox import job_ask
from fleet.forward.feed import feed_start
from fleet.forward.kinds import kinds
from fleet.forward.kinds.base import ForwarderKind
from fleet.forward.lanes import RUN_JOB
from fleet.forward.models import Forwarder, RefusedRow
from fleet.forward.targets import secrets_of, secrets_seal
from fleet.organizations.access import Role, Viewer
from fleet.organizations.members import organization_lock
from fleet.organizations.models import Organization
from fleet.stations.models import Station

#: Maximum forwarders of an organization, and stations, series and names of a forwarder.
FORWARDERS_MOST: Final = 20
STATIONS_MOST, SERIES_MOST, NAMES_MOST = 2_000, 100, 200
_SETTING_MOST, _WORD_MOST = 1_000, 128
_WILD = frozenset("*?")
_TESTS_APART: Final = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class RowChoice:
    """Which rows a forwarder sends, and under which names; see `Forwarder`. `names`: (pattern, name, unit).

    `series` and `names` concern readings.
    """

    reach: str = Forwarder.Reach.ALL
    serials: Sequence[str] = ()
    series: Sequence[str] = ()
    names: Sequence[tuple[str, str, str]] = ()
    is_clean: bool = True
    wants_readings: bool = True
    detections: str = Forwarder.Detections.NONE


@transaction.atomic
def forwarder_add(
    *, actor: Viewer, organization: Organization, kind: str, name: str, settings: Mapping[str, str], choice: RowChoice
) -> tuple[Forwarder, dict[str, str]]:
    """Add a forwarder, which sends what arrives from now on. Returns the secrets that Roost made, to be shown once.

    Raises `Forbidden`, `TooMany`, and `InvalidInput` with its field.
    """
    forwarder_owner_require(actor, organization)
    organization_lock(organization)
    if Forwarder.objects.filter(organization=organization).count() >= FORWARDERS_MOST:
        raise TooMany(_("An organization has at most %(n)d forwarders: remove one first.") % {"n": FORWARDERS_MOST})
    known = kind_get(kind)
    made = {one.name: one.make() for one in known.settings if one.make and not settings.get(one.name, "").strip()}
    told = _settings_of(known, {**settings, **made}, kept={})
    _name_check(organization, name, None)
    forwarder = Forwarder.objects.create(
        organization=organization,
        kind=known.name,
        name=name.strip(),
        settings={key: value for key, value in told.items() if key not in known.secret_names},
        sealed_secrets=secrets_seal({key: told[key] for key in told if key in known.secret_names}),
        added_at=clock.now(),
        added_by_name=actor.name[:150],
        after_xact=feed_start(),
        **_choice_fields(organization, known, choice),
    )
    audit(actor, forwarder, "forwarder.add", kind=known.name, address=known.shown(told), reach=forwarder.reach)
    return forwarder, made


@transaction.atomic
def forwarder_change(
    *, actor: Viewer, forwarder: Forwarder, name: str, settings: Mapping[str, str], choice: RowChoice
) -> Forwarder:
    """Change settings and choice; the place in the data stays. An empty secret keeps the stored one. Raises as adding.

    If the address changes, secrets must be entered again, and ids that the old receiver gave are forgotten: nobody may
    have a stored secret sent to an address of their own.
    """
    organization, kind = forwarder.organization, kind_get(forwarder.kind)
    forwarder_owner_require(actor, organization)
    organization_lock(organization)
    forwarder = _locked(forwarder)
    _name_check(organization, name, forwarder.pk)
    plain = {key: value.strip() for key, value in settings.items() if key not in kind.secret_names}
    is_same = all(forwarder.settings.get(key, "") == value for key, value in plain.items())
    told = _settings_of(kind, settings, kept=(secrets_of(forwarder) or {}) if is_same else {})
    fields = {
        "name": name.strip(),
        "settings": {key: value for key, value in told.items() if key not in kind.secret_names},
        "sealed_secrets": secrets_seal({key: told[key] for key in told if key in kind.secret_names}),
        **_choice_fields(organization, kind, choice),
        **_TRY_NOW,
        "rows_at_once": None,
    }
    if not is_same:
        forwarder.given_ids.all().delete()
    Forwarder.objects.filter(pk=forwarder.pk).update(**fields)
    forwarder.refresh_from_db()
    audit(actor, forwarder, "forwarder.change", address=kind.shown(told), reach=forwarder.reach)
    job_ask(RUN_JOB)
    return forwarder


@transaction.atomic
def forwarder_pause(*, actor: Viewer, forwarder: Forwarder) -> None:
    """Send nothing until it is resumed; what arrives waits. Raises `Forbidden` and `Conflict`."""
    forwarder_steer_require(actor, forwarder.organization)
    if not Forwarder.objects.filter(pk=forwarder.pk, paused_at=None).update(paused_at=clock.now(), paused_why=""):
        raise Conflict(_("This forwarder is already paused."))
    audit(actor, forwarder, "forwarder.pause")


@transaction.atomic
def forwarder_resume(*, actor: Viewer, forwarder: Forwarder) -> None:
    """Send again from where it was; if it was stopped, what arrives from now on. Raises `Forbidden` and `Conflict`."""
    forwarder_steer_require(actor, forwarder.organization)
    forwarder = _locked(forwarder)
    if forwarder.paused_at is None:
        raise Conflict(_("This forwarder is not paused."))
    place = {} if forwarder.is_fed else {"is_fed": True, "after_xact": feed_start(), "after_id": 0}
    Forwarder.objects.filter(pk=forwarder.pk).update(
        paused_at=None, paused_why="", rows_at_once=None, **place, **_TRY_NOW
    )
    audit(actor, forwarder, "forwarder.resume")
    job_ask(RUN_JOB)


@transaction.atomic
def forwarder_backfill(*, actor: Viewer, forwarder: Forwarder, start: datetime) -> None:
    """Send what stations recorded from a moment on, by their clocks, besides new rows. Replaces a running back-fill.

    Raises `Forbidden` and `InvalidInput`.
    """
    forwarder_steer_require(actor, forwarder.organization)
    moment = clock.now()
    if start >= moment:
        raise InvalidInput(_("Choose a moment in the past."), field="from")
    Forwarder.objects.filter(pk=forwarder.pk).update(
        backfill_from=start,
        backfill_until=moment,
        backfill_series=None,
        backfill_at=None,
        backfill_detection=None,
        **_TRY_NOW,
    )
    audit(actor, forwarder, "forwarder.backfill", start=start.isoformat())
    job_ask(RUN_JOB)


@transaction.atomic
def forwarder_test(*, actor: Viewer, forwarder: Forwarder) -> None:
    """Ask for a test of the receiver without rows, even while paused; `test_answer` soon has the outcome.

    Raises `Forbidden`, `Conflict`, and `TooMany`.
    """
    forwarder_steer_require(actor, forwarder.organization)
    moment = clock.now()
    if kind_get(forwarder.kind).test is None:
        raise Conflict(_("This kind of forwarder has no test."))
    forwarder = _locked(forwarder)
    if forwarder.test_asked_at is not None:
        raise Conflict(_("A test is already waiting."))
    if forwarder.tested_at is not None and moment - forwarder.tested_at < _TESTS_APART:
        raise TooMany(_("It was tested just now: wait %(n)d seconds.") % {"n": _TESTS_APART.seconds})
    Forwarder.objects.filter(pk=forwarder.pk).update(test_asked_at=moment)
    audit(actor, forwarder, "forwarder.test")
    job_ask(RUN_JOB)


@transaction.atomic
def forwarder_refused_again(*, actor: Viewer, forwarder: Forwarder) -> int:
    """Send the refused rows again; return how many. Raises `Forbidden`."""
    forwarder_steer_require(actor, forwarder.organization)
    count = RefusedRow.objects.filter(forwarder=forwarder, is_waiting=False).update(is_waiting=True)
    Forwarder.objects.filter(pk=forwarder.pk).update(**_TRY_NOW)
    audit(actor, forwarder, "forwarder.again", rows=count)
    job_ask(RUN_JOB)
    return count


@transaction.atomic
def forwarder_refused_discard(*, actor: Viewer, forwarder: Forwarder) -> int:
    """Discard the refused rows, which stay counted; return how many. Raises `Forbidden`."""
    forwarder_steer_require(actor, forwarder.organization)
    count: int = RefusedRow.objects.filter(forwarder=forwarder).delete()[0]
    audit(actor, forwarder, "forwarder.discard", rows=count)
    return count


@transaction.atomic
def forwarder_remove(*, actor: Viewer, forwarder: Forwarder) -> None:
    """Remove it with its secrets, counts and refused rows. Raises `Forbidden`."""
    forwarder_owner_require(actor, forwarder.organization)
    audit(actor, forwarder, "forwarder.remove", sent=forwarder.rows_sent, refused=forwarder.rows_refused)
    Forwarder.objects.filter(pk=forwarder.pk).delete()


def kind_get(name: str) -> ForwarderKind:
    """The kind of that name. Raises `NotFound`, whose text lists the known ones."""
    found = kinds().get(name)
    if found is None:
        raise NotFound(
            _("There is no forwarder of the kind %(name)s. Available: %(known)s.")
            % {"name": name[:40], "known": ", ".join(sorted(kinds()))}
        )
    return found


#: After a person acted: try at once, and let no worker that has the lane overwrite what they entered.
_TRY_NOW: Final[dict[str, Any]] = {
    "failures": 0, "failing_since": None, "next_try_at": None, "claimed_until": None, "claims": F("claims") + 1,
}  # fmt: skip


def forwarder_owner_require(actor: Viewer, organization: Organization) -> None:
    """Raise `Forbidden` unless the actor may add, change and remove forwarders."""
    actor.require(Role.OWNER, organization=organization, to=_("change the forwarders of %(name)s"))


def forwarder_steer_require(actor: Viewer, organization: Organization) -> None:
    """Raise `Forbidden` unless the actor may pause and test forwarders, and deal with their rows."""
    actor.require(Role.OPERATOR, organization=organization, to=_("operate the forwarders of %(name)s"))


def _locked(forwarder: Forwarder) -> Forwarder:
    found = Forwarder.objects.select_for_update().filter(pk=forwarder.pk).first()
    if found is None:
        raise NotFound(_("This forwarder no longer exists."))
    return found


def _name_check(organization: Organization, name: str, pk: int | None) -> None:
    name = name.strip()
    if not name or len(name) > 80:
        raise InvalidInput(_("Enter a name of at most 80 characters."), field="name")
    if Forwarder.objects.filter(organization=organization, name=name).exclude(pk=pk or 0).exists():
        raise InvalidInput(_("There is a forwarder of this name already."), field="name")


def _settings_of(kind: ForwarderKind, told: Mapping[str, str], *, kept: Mapping[str, str]) -> dict[str, str]:
    """The kind's settings, checked. Empty secrets are taken from `kept`."""
    found: dict[str, str] = {}
    if unknown := sorted(told.keys() - {one.name for one in kind.settings}):
        raise InvalidInput(
            _("There is no setting %(name)s. Known settings: %(known)s.")
            % {"name": unknown[0][:40], "known": ", ".join(one.name for one in kind.settings)},
            field="settings",
        )
    for one in kind.settings:
        value = told.get(one.name, one.initial).strip() or kept.get(one.name, "")
        if len(value) > _SETTING_MOST or any(ord(letter) < 32 for letter in value):
            raise InvalidInput(_("This is too long, or contains invisible characters."), field=one.name)
        if not value and (one.is_required or one.make is not None):
            raise InvalidInput(_("%(setting)s is missing.") % {"setting": one.label}, field=one.name)
        found[one.name] = value
    kind.check(found)
    return found


def _choice_fields(organization: Organization, kind: ForwarderKind, choice: RowChoice) -> dict[str, Any]:
    if choice.reach not in Forwarder.Reach.values:
        raise InvalidInput(_("Choose all stations, some, or public deployments."), field="reach")
    if choice.detections not in Forwarder.Detections.values:
        raise InvalidInput(_("Choose no detections, tags, or tags and pulses."), field="detections")
    has_detections = choice.detections != Forwarder.Detections.NONE
    if has_detections and kind.send_detections is None:
        raise InvalidInput(
            _("%(kind)s can take readings only: choose no detections.") % {"kind": kind.label}, field="detections"
        )
    if not choice.wants_readings and not has_detections:
        raise InvalidInput(_("Choose readings, detections, or both."), field="readings")
    return {
        "wants_readings": choice.wants_readings,
        "detections": choice.detections,
        "reach": choice.reach,
        "station_ids": _stations(organization, choice.serials) if choice.reach == Forwarder.Reach.STATIONS else [],
        "series": _patterns(choice.series),
        "names": _names(choice.names),
        "is_clean": choice.is_clean,
    }


def _stations(organization: Organization, serials: Collection[str]) -> list[int]:
    wanted = {serial.strip().upper(): serial.strip() for serial in serials if serial.strip()}
    if not wanted or len(wanted) > STATIONS_MOST:
        raise InvalidInput(_("Choose 1 to %(most)d stations.") % {"most": STATIONS_MOST}, field="stations")
    ours = Station.objects.filter(organization=organization, deleted_at=None).annotate(upper=Upper("serial"))
    known = dict(ours.filter(upper__in=list(wanted)).values_list("upper", "pk"))
    if unknown := sorted(wanted.keys() - known.keys()):
        raise InvalidInput(
            _("%(name)s has no station %(serial)s.") % {"name": organization.name, "serial": wanted[unknown[0]][:80]},
            field="stations",
        )
    return sorted(known.values())


def _patterns(series: Sequence[str]) -> list[str]:
    found = list(dict.fromkeys(one.strip() for one in series if one.strip()))
    if len(found) > SERIES_MOST or any(len(one) > _WORD_MOST for one in found):
        raise InvalidInput(_("Enter at most %(n)d names of series.") % {"n": SERIES_MOST}, field="series")
    return found


def _names(names: Sequence[tuple[str, str, str]]) -> list[list[str]]:
    found = [[part.strip() for part in one] for one in names]
    if len(found) > NAMES_MOST or any(len(part) > _WORD_MOST for one in found for part in one):
        raise InvalidInput(_("Enter at most %(n)d names.") % {"n": NAMES_MOST}, field="names")
    for pattern, name, _unit in found:
        if name and _WILD & set(pattern):
            raise InvalidInput(
                _("%(pattern)s stands for several series, which cannot have one name: leave the name empty.")
                % {"pattern": pattern},
                field="names",
            )
    return found
