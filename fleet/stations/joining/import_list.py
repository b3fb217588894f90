"""Turning the lines of a list into stations: every line is checked on its own, and valid ones are written in chunks."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import CharField, F, Func, Q, Value
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import InvalidInput
from fleet.organizations.access import Viewer
from fleet.organizations.models import Organization
from fleet.organizations.services import paragraphs_check, text_check
from fleet.stations.joining.import_file import ImportLine, Sheet, problem_of
from fleet.stations.life.succession import ARCHIVE_MARK
from fleet.stations.logins.enrolment import token_hash
from fleet.stations.models import EnrolmentToken, Station, StationContact, StationModel, Tag
from fleet.stations.serials import serial_warning
from fleet.stations.services import serial_read, station_register
from fleet.stations.sorting.tags import tags_check

_CHUNK = 500
_NAME_MOST, _NOTES_MOST = 120, 10_000


@dataclass(frozen=True, slots=True)
class ImportedToken:
    """An enrolment token of an imported station; it is shown only once."""

    serial: str
    name: str
    token: str
    expires_at: datetime


def sheet_check(*, sheet: Sheet, organization: Organization) -> None:
    """Find the problems of each line, with at most two queries for any number of lines."""
    for line in sheet.lines:
        _line_check(sheet, line)
    sheet.settle()
    _serials_check(sheet)
    _models_find(sheet, organization)
    sheet.settle()
    sheet.warnings += [
        problem_of(line, "serial", warning) for line in sheet.lines if (warning := serial_warning(line.cell("serial")))
    ]


def sheet_write(
    *, sheet: Sheet, organization: Organization, actor: Viewer, with_tokens: bool
) -> tuple[list[Station], list[ImportedToken]]:
    """Create the stations of the valid lines, all or none, in the caller's transaction.

    Raises `InvalidInput` if somebody registered one of the serials in the meantime.
    """
    # Tags of one organization change one at a time, as in `fleet.stations.sorting.tags`.
    Organization.objects.select_for_update(of=("self",)).get(pk=organization.pk)
    tags = _tags_make(sheet.lines, organization)
    made: list[Station] = []
    tokens: list[ImportedToken] = []
    for begin in range(0, len(sheet.lines), _CHUNK):
        lines = sheet.lines[begin : begin + _CHUNK]
        stations = _stations_make(lines, organization, actor)
        _tags_put(lines, stations, tags)
        if with_tokens:
            tokens += _tokens_make(stations, actor)
        audit_write(
            actor=actor.user,
            organization_id=organization.id,
            action="station.import",
            subject=f"{len(stations)} stations",
            detail={"serials": [station.serial for station in stations], "by": actor.name},
        )
        made += stations
    return made, tokens


def _line_check(sheet: Sheet, line: ImportLine) -> None:
    """Check a line on its own; each wrong cell is a problem."""
    try:
        line.cells["serial"] = serial_read(line.cell("serial"))
    except InvalidInput as error:
        sheet.drop(line, "serial", str(error))
    try:
        line.cells["name"] = text_check(line.cell("name"), field="name", most=_NAME_MOST, may_be_empty=True)
    except InvalidInput as error:
        sheet.drop(line, "name", str(error))
    try:
        line.cells["notes"] = paragraphs_check(line.cell("notes"), field="notes", most=_NOTES_MOST)
    except InvalidInput as error:
        sheet.drop(line, "notes", str(error))
    try:
        line.tags = tags_check(part for part in line.cell("tags").replace(";", ",").split(",") if part.strip())
    except InvalidInput as error:
        sheet.drop(line, "tags", str(error))


def _serials_check(sheet: Sheet) -> None:
    """Check that each serial appears only once and is not taken; never say by whom."""
    wanted = {line.cell("serial").lower() for line in sheet.lines}
    base = Func(F("serial"), Value(ARCHIVE_MARK), Value(1), function="split_part", output_field=CharField())
    bearers = Station.objects.annotate(base=Lower(base)).filter(base__in=wanted)
    past, taken = set[str](), set[str]()
    for name, retired_at in bearers.values_list("base", "retired_at"):
        (taken if retired_at is None else past).add(name)
    first: dict[str, int] = {}
    for line in sheet.lines:
        serial = line.cell("serial").lower()
        if serial in taken:
            sheet.drop(line, "serial", _("This serial is already registered: remove the line."))
        elif serial in first:
            sentence = _("This serial is already in line %(line)d: remove one of the two lines.")
            sheet.drop(line, "serial", sentence % {"line": first[serial]})
        else:
            first[serial] = line.number
            line.has_past = serial in past


def _models_find(sheet: Sheet, organization: Organization) -> None:
    wanted = {line.cell("model").lower() for line in sheet.lines} - {""}
    if not wanted:
        return
    ours = StationModel.objects.filter(Q(organization=organization) | Q(organization=None))
    known: dict[str, int] = {}
    # The organization's own models come last, so that they win over shared models of the same name.
    for model in ours.order_by("organization_id").only("id", "name", "manufacturer", "organization_id"):
        for name in (model.name, str(model)):
            if model.organization_id is not None or name.lower() not in known:
                known[name.lower()] = model.pk
    for line in sheet.lines:
        name = line.cell("model")
        line.model_id = known.get(name.lower())
        if name and line.model_id is None:
            sheet.drop(line, "model", _("There is no model with this name: create it first, or leave the cell empty."))


def _stations_make(lines: Sequence[ImportLine], organization: Organization, actor: Viewer) -> list[Station]:
    """Create one station per line, in order."""
    moment = clock.now()
    rows = [
        Station(
            organization=organization,
            serial=line.cell("serial"),
            name=line.cell("name"),
            notes=line.cell("notes"),
            model_id=line.model_id,
            registered_at=moment,
        )
        for line in lines
        if not line.has_past
    ]
    try:
        with transaction.atomic():
            made = {station.serial: station for station in Station.objects.bulk_create(rows)}
    except IntegrityError as error:
        raise InvalidInput(
            _("Somebody has just registered one of these serials. Nothing was imported: import the list again."),
            field="file",
        ) from error
    StationContact.objects.bulk_create([StationContact(station=station) for station in made.values()])
    return [made.get(line.cell("serial")) or _successor_make(line, organization, actor) for line in lines]


def _successor_make(line: ImportLine, organization: Organization, actor: Viewer) -> Station:
    """Create a station whose serial a retired one had. These are few, so each is registered on its own."""
    station = station_register(
        actor=actor, organization=organization, serial=line.cell("serial"), name=line.cell("name")
    )
    Station.objects.filter(pk=station.pk).update(notes=line.cell("notes"), model_id=line.model_id)
    return station


def _tags_make(lines: Sequence[ImportLine], organization: Organization) -> dict[str, Tag]:
    wanted = {tag.casefold(): tag for line in lines for tag in line.tags}
    if not wanted:
        return {}
    known = {tag.name.casefold(): tag for tag in Tag.objects.filter(organization=organization)}
    fresh = [Tag(organization=organization, name=name) for word, name in wanted.items() if word not in known]
    return known | {tag.name.casefold(): tag for tag in Tag.objects.bulk_create(fresh)}


def _tags_put(lines: Sequence[ImportLine], stations: Sequence[Station], tags: dict[str, Tag]) -> None:
    through = Tag.stations.through
    through.objects.bulk_create(
        [
            through(tag_id=tags[tag.casefold()].pk, station_id=station.pk)
            for line, station in zip(lines, stations, strict=True)
            for tag in line.tags
        ]
    )


def _tokens_make(stations: Sequence[Station], actor: Viewer) -> list[ImportedToken]:
    moment = clock.now()
    expires_at = moment + settings.ROOST_ENROLMENT_TOKEN_LIFE
    tokens = [ImportedToken(one.serial, one.name, secrets.token_hex(20), expires_at) for one in stations]
    EnrolmentToken.objects.bulk_create(
        [
            EnrolmentToken(
                station=station,
                token_hash=token_hash(told.token),
                created_by=actor.user,
                created_at=moment,
                expires_at=expires_at,
            )
            for station, told in zip(stations, tokens, strict=True)
        ]
    )
    return tokens
