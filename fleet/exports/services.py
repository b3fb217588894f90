"""Asking for a package, removing one, and choosing an organization's terms."""

import secrets
from collections.abc import Collection
from datetime import datetime
from typing import Final

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import InvalidInput, TooMany
from fleet.core.outbox import job_ask
from fleet.exports.archive import archive_remove
from fleet.exports.descriptor import LICENCES
from fleet.exports.models import DataPackage, DataTerms
from fleet.exports.question import KINDS, Format, PackageQuestion, question_check, stations_chosen
from fleet.organizations.access import Role, Viewer
from fleet.organizations.members import organization_lock, owner_require
from fleet.organizations.models import Organization

#: The job that makes packages, one at a time on the whole server.
MAKE_JOB: Final = "exports.make_packages"
#: Maximum packages of one organization that wait or are being made.
WAITING_MOST: Final = 5
_CITATION_MOST: Final = 500
State = DataPackage.State


@transaction.atomic
def package_ask(
    *,
    actor: Viewer,
    organization: Organization,
    start: datetime,
    end: datetime,
    serials: Collection[str] = (),
    deployment_ids: Collection[int] = (),
    kinds: Collection[str] = KINDS,
    series: Collection[str] = (),
    wanted: str = Format.CSV,
    is_local: bool = False,
    is_clean: bool = False,
) -> DataPackage:
    """Ask for a package; a job makes it. Raises `Forbidden`, `NotFound`, `InvalidInput` and `TooMany`."""
    package_ask_check(actor=actor, organization=organization)
    package = package_queue(
        organization=organization,
        start=start,
        end=end,
        serials=serials,
        deployment_ids=deployment_ids,
        kinds=kinds,
        series=series,
        wanted=wanted,
        is_local=is_local,
        is_clean=is_clean,
        asked_by=actor.user,
        asked_by_name=actor.name,
    )
    audit(
        actor, package, "package.ask", stations=len(package.station_ids), start=start.isoformat(), end=end.isoformat()
    )
    return package


@transaction.atomic
def package_queue(
    *,
    organization: Organization,
    start: datetime,
    end: datetime,
    serials: Collection[str],
    deployment_ids: Collection[int],
    kinds: Collection[str],
    series: Collection[str],
    wanted: str,
    is_local: bool,
    is_clean: bool,
    asked_by: User | None,
    asked_by_name: str,
    station_ids: Collection[int] = (),
) -> DataPackage:
    """Queue a package; the caller has checked permissions. `station_ids`: chosen stations, instead of serials."""
    organization_lock(organization)
    _room_check(organization)
    if wanted not in [*Format]:
        raise InvalidInput(_("There is no format %(format)s.") % {"format": repr(wanted[:20])}, field="format")
    chosen, chosen_deployments = (
        (list(station_ids), [])
        if station_ids
        else stations_chosen(organization=organization, serials=serials, deployment_ids=deployment_ids)
    )
    terms = terms_of(organization)
    question = PackageQuestion(
        organization=organization,
        station_ids=tuple(chosen),
        deployment_ids=tuple(chosen_deployments),
        kinds=tuple(dict.fromkeys(kinds)),
        series=tuple(dict.fromkeys(series)),
        start=start,
        end=end,
        format=Format(wanted),
        is_local=is_local,
        is_clean=is_clean,
        licence=terms.licence,
        citation=terms.citation,
    )
    question_check(question)
    package = DataPackage.objects.create(
        organization=organization,
        asked_by=asked_by,
        asked_by_name=asked_by_name[:150],
        asked_at=clock.now(),
        station_ids=list(question.station_ids),
        deployment_ids=list(question.deployment_ids),
        kinds=list(question.kinds),
        series=list(question.series),
        start_at=start,
        end_at=end,
        format=question.format.value,
        is_local=is_local,
        is_clean=is_clean,
        licence=terms.licence,
        citation=terms.citation,
        name=secrets.token_hex(16),
    )
    job_ask(MAKE_JOB)
    return package


def package_ask_check(*, actor: Viewer, organization: Organization) -> None:
    """Raise `Forbidden` unless the actor sees all data of the organization."""
    actor.require(Role.VIEWER, organization=organization, to=_("export data of %(name)s"))


@transaction.atomic
def package_remove(*, actor: Viewer, package: DataPackage) -> None:
    """Remove a package with its file, even while it is being made. Viewers can remove their own, operators any."""
    is_own = actor.user is not None and package.asked_by_id == actor.user.pk
    actor.require(
        Role.VIEWER if is_own else Role.OPERATOR,
        organization=package.organization_id,
        to=_("remove a package that somebody else asked for"),
    )
    if DataPackage.objects.filter(pk=package.pk).delete()[0]:
        audit(actor, package, "package.remove")
        name = package.name
        transaction.on_commit(lambda: archive_remove(name), robust=True)


def terms_of(organization: Organization) -> DataTerms:
    """The terms of an organization; empty ones if it chose none."""
    return DataTerms.objects.filter(organization=organization).first() or DataTerms(organization=organization)


@transaction.atomic
def terms_choose(*, actor: Viewer, organization: Organization, licence: str, citation: str) -> None:
    """Choose the licence and citation of future packages. Raises `InvalidInput` and `Forbidden`."""
    owner_require(actor, organization)
    if licence and licence not in LICENCES:
        raise InvalidInput(_("Choose one of the licences."), field="licence")
    citation = " ".join(citation.replace("\x00", "").split())
    if len(citation) > _CITATION_MOST:
        raise InvalidInput(_("Use at most %(most)d characters.") % {"most": _CITATION_MOST}, field="citation")
    values = {"licence": licence, "citation": citation}
    DataTerms.objects.update_or_create(organization=organization, defaults=values)
    audit(actor, organization, "package.terms", **values)


def bytes_kept(organization: Organization) -> int:
    """Disk space of an organization's finished packages, in bytes."""
    found = DataPackage.objects.filter(organization=organization, state=State.DONE)
    return found.aggregate(total=Sum("bytes"))["total"] or 0


def _room_check(organization: Organization) -> None:
    waiting = DataPackage.objects.filter(organization=organization, state__in=[State.WAITING, State.MAKING])
    if waiting.count() >= WAITING_MOST:
        raise TooMany(
            _("%(most)d packages are waiting already: ask again when one is done, or remove one.")
            % {"most": WAITING_MOST}
        )
    if bytes_kept(organization) >= settings.ROOST_PACKAGES_BYTES:
        raise TooMany(_("The packages of %(name)s use all their space: remove one.") % {"name": organization.name})
