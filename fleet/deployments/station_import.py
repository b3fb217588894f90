"""Importing a list of stations: checking each line, creating the stations and deploying them, in one step."""

from dataclasses import dataclass, field

from django.db import transaction
from django.utils.translation import gettext as _
from psycopg.types.range import TimestamptzRange

from fleet.core import clock
from fleet.deployments.models import Deployment, Site
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.stations.joining.import_file import LineProblem, Sheet, sheet_read
from fleet.stations.joining.import_list import ImportedToken, sheet_check, sheet_write
from fleet.stations.models import Station


@dataclass(slots=True)
class ImportReport:
    """The result of an import: `good` lines could be imported, `imported` ones were."""

    line_count: int
    good: int
    imported: int = 0
    problems: list[LineProblem] = field(default_factory=list)
    warnings: list[LineProblem] = field(default_factory=list)
    unknown_columns: list[str] = field(default_factory=list)
    tokens: list[ImportedToken] = field(default_factory=list)


def station_import(
    *,
    actor: Viewer,
    organization: Organization,
    content: bytes,
    is_dry_run: bool,
    all_or_nothing: bool = False,
    with_tokens: bool = False,
) -> ImportReport:
    """Import a list. Lines with a problem are left out; with `all_or_nothing`, one problem stops the whole import.

    A dry run reports the same and writes nothing. Raises `InvalidInput` if the file is not a station list, and
    `Forbidden`.
    """
    actor.require(Role.OPERATOR, organization=organization, to=_("add a station to %(name)s"))
    sheet = sheet_read(content)
    sheet_check(sheet=sheet, organization=organization)
    _sites_find(sheet, organization)
    report = ImportReport(
        line_count=sheet.line_count,
        good=len(sheet.lines),
        problems=sheet.problems,
        warnings=sheet.warnings,
        unknown_columns=sheet.unknown_columns,
    )
    if is_dry_run or not sheet.lines or (all_or_nothing and sheet.problems):
        return report
    with transaction.atomic():
        made, report.tokens = sheet_write(sheet=sheet, organization=organization, actor=actor, with_tokens=with_tokens)
        _deploy(sheet, made)
    report.imported = len(made)
    return report


def _sites_find(sheet: Sheet, organization: Organization) -> None:
    if not any(line.cell("site") for line in sheet.lines):
        return
    known = {
        name.casefold(): number
        for number, name in Site.objects.filter(organization=organization).values_list("id", "name")
    }
    for line in sheet.lines:
        name = line.cell("site")
        line.site_id = known.get(name.casefold())
        if name and line.site_id is None:
            sheet.drop(line, "site", _("There is no site with this name: create it first, or leave the cell empty."))
    sheet.settle()


def _deploy(sheet: Sheet, made: list[Station]) -> None:
    moment = clock.now()
    Deployment.objects.bulk_create(
        [
            Deployment(station=station, site_id=line.site_id, period=TimestamptzRange(moment, None))
            for line, station in zip(sheet.lines, made, strict=True)
            if line.site_id is not None
        ]
    )
