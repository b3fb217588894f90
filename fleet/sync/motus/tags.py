"""Tags of an organization's projects at Motus: read with their species, so that detections carry a name."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fleet.core import clock
from fleet.organizations.access import Viewer
from fleet.organizations.models import Organization
from fleet.stations.models import Station
from fleet.sync.adapters.base import Row, SyncError
from fleet.sync.adapters.clients.motus import LoginRefused, MotusClient
from fleet.sync.adapters.clients.motus_fields import moment_in, text_in, unreadable_in, whole_in
from fleet.sync.models import MotusAccount, MotusTag
from fleet.sync.motus.accounts import client_of, project_rows, reading_failed
from fleet.sync.motus.deployments import projects_of
from fleet.telemetry.heard.question import HeardQuestion
from fleet.telemetry.heard.tags import TagRow, tag_list

#: Maximum tags of one project, and maximum species in one request.
TAGS_MOST: Final = 20_000
_SPECIES_MOST: Final = 20_000
#: Only tags that were deployed within this time are read.
_YEARS: Final = timedelta(days=5 * 365)
#: The list of heard tags covers this time, and at most this many tags, those heard most.
HEARD_WITHIN: Final = timedelta(days=30)
HEARD_MOST: Final = 200
_NAMES_MOST: Final = 3


@dataclass(frozen=True, slots=True)
class HeardTags:
    """Tags heard lately: those that the projects have, with names, and the others. `more`: how many are not shown."""

    known: list[tuple[TagRow, str]]
    unknown: list[TagRow]
    more: int


def tags_read(*, account: MotusAccount) -> None:
    """Fetch and store the tags of the projects, and keep the outcome as a sentence. On failure, nothing changes."""
    moment = clock.now()
    with translation.override(account.organization.language):
        try:
            found, unread, repeats, figures = _fetched(account)
        except SyncError as error:
            MotusAccount.objects.filter(pk=account.pk).update(
                tags_answer=reading_failed(error), is_refused=account.is_refused or isinstance(error, LoginRefused)
            )
            return
        answer = ngettext("%(n)d tag read.", "%(n)d tags read.", len(found)) % {"n": len(found)}
        if unread:
            answer += " " + _("Rows without a number or code, skipped: %(n)d.") % {"n": unread}
        if repeats:
            answer += " " + _("Further deployments of the same tags: %(n)d; the last one counts.") % {"n": repeats}
        if figures:
            answer += " " + _("Figures and times that cannot be read: %(n)d; they are missing.") % {"n": figures}
    with transaction.atomic():
        MotusTag.objects.filter(account=account).delete()
        MotusTag.objects.bulk_create(found, batch_size=1_000)
        MotusAccount.objects.filter(pk=account.pk).update(tags_answer=answer, tags_read_at=moment)


def tag_names(*, viewer: Viewer, tags: Iterable[str]) -> dict[str, str]:
    """Names of these tags in the projects of the viewer's organizations, by the tag in upper case; one query."""
    rows = MotusTag.objects.filter(
        viewer.organizations("account__organization__"), match_name__in={tag.upper() for tag in tags}
    )
    return _named(rows.order_by("number").values_list("match_name", "name"))


def tags_heard(*, organization: Organization) -> HeardTags:
    """Tags that the organization's stations heard lately, by whether its projects know them. Raises `InvalidInput`."""
    moment = clock.now()
    stations = list(Station.objects.filter(organization=organization, deleted_at=None).values_list("pk", flat=True))
    question = HeardQuestion(stations, moment - HEARD_WITHIN, moment + timedelta(days=1))
    found = tag_list(question=question, sort="-detections", limit=HEARD_MOST)
    rows = MotusTag.objects.filter(
        account__organization=organization, match_name__in=[row.name for row in found.rows]
    ).order_by("number")
    names = _named(rows.values_list("match_name", "name"))
    return HeardTags(
        known=[(row, names[row.name]) for row in found.rows if row.name in names],
        unknown=[row for row in found.rows if row.name not in names],
        more=max(found.tags - HEARD_MOST, 0),
    )


def _named(rows: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Names by code. Several tags may share a code, so a code may have several names."""
    names: dict[str, list[str]] = defaultdict(list)
    for code, name in rows:
        if name not in names[code]:
            names[code].append(name)
    return {
        code: ", ".join(several[:_NAMES_MOST]) + (" …" if len(several) > _NAMES_MOST else "")
        for code, several in names.items()
    }


def _fetched(account: MotusAccount) -> tuple[list[MotusTag], int, int, int]:
    """The tags, and the numbers of rows skipped, rows that repeat a tag, and figures that cannot be read."""
    moment, found = clock.now(), dict[int, tuple[MotusTag, int | None]]()
    unread = repeats = figures = 0
    with client_of(account) as client:
        for project in projects_of(account):
            rows = project_rows(
                client,
                "tags/search",
                project=project,
                searchMode="overlap",
                tsStart=int((moment - _YEARS).timestamp()),
                tsEnd=int(moment.timestamp()),
            )
            if len(rows) > TAGS_MOST:
                raise SyncError(
                    _("Project %(project)d has %(n)d tags, more than Roost reads.")
                    % {"project": project, "n": len(rows)}
                )
            for row in rows:
                tag = _tag(account, project, row)
                if tag is None:
                    unread += 1
                else:
                    repeats += tag.number in found
                    figures += unreadable_in(row, "tsStart", "speciesID")
                    _keep(found, tag, whole_in(row, "speciesID"))
        species = _species(client, {number for _tag, number in found.values() if number is not None})
    for tag, number in found.values():
        tag.species = species.get(number or 0, "")
        tag.name = (f"{tag.species} " if tag.species else "") + f"#{tag.number}"
    if not found and MotusTag.objects.filter(account=account).exists():
        raise SyncError(_("Motus listed no tags, though it had some before, so nothing was changed."))
    return [tag for tag, _number in found.values()], unread, repeats, figures


def _keep(found: dict[int, tuple[MotusTag, int | None]], tag: MotusTag, species: int | None) -> None:
    """Of several deployments of one tag, keep the one that began last."""
    known = found.get(tag.number)
    if known is None or (tag.deployed_at is not None and (known[0].deployed_at or tag.deployed_at) <= tag.deployed_at):
        found[tag.number] = tag, species


def _tag(account: MotusAccount, project: int, row: Row) -> MotusTag | None:
    number, code = whole_in(row, "id", "tagID"), text_in(row, "mfgID", 64)
    if number is None or not code:
        return None
    return MotusTag(
        account=account,
        number=number,
        project_id=project,
        code=code,
        match_name=code.upper(),
        deployed_at=moment_in(row, "tsStart"),
    )


def _species(client: MotusClient, wanted: set[int]) -> dict[int, str]:
    """Names of these species: English, or else scientific. Motus is asked only if there are any."""
    if not wanted:
        return {}
    rows = client.rows("species", nrec=_SPECIES_MOST, qlang="EN")
    named = ((whole_in(row, "id"), text_in(row, "english", 100) or text_in(row, "scientific", 100)) for row in rows)
    return {number: name for number, name in named if number in wanted and name}
