"""A page of the table of tags: how often each was heard, when and where, with a small drawing."""

from dataclasses import dataclass
from typing import Final

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from fleet.core.errors import InvalidInput
from fleet.organizations.access import Viewer
from fleet.stations.models import Station
from fleet.sync.motus.tags import tag_names
from fleet.telemetry.heard.question import HeardQuestion
from fleet.telemetry.heard.tags import TagList, TagRow, tag_list, tag_parts
from sg_status.headings import Heading, headings_of
from sg_status.pages.detections.drawing import Bars, bars_of
from sg_status.pages.detections.filters import DetectionFilter

PAGE_SIZE: Final = 25
COLUMNS: Final[tuple[tuple[str, Promise, bool], ...]] = (
    ("tag", pgettext_lazy("detection", "Tag"), False),
    ("first", _("First heard"), False),
    ("last", _("Last heard"), False),
    ("strongest", _("Strongest"), True),
    ("detections", _("Detections"), True),
)


@dataclass(frozen=True, slots=True)
class TagShown:
    """One tag as shown. `station`: the only one that heard it, if only one did; `name`: at Motus, or empty."""

    row: TagRow
    bars: Bars
    ports: str
    station: Station | None
    name: str


@dataclass(frozen=True, slots=True)
class TagsShown:
    """A page of the table; `found` is None and `refusal` says why if there are too many tags."""

    found: TagList | None
    rows: list[TagShown]
    pages: "Page[int] | None"
    columns: list[Heading]
    refusal: str = ""


def tags_shown(
    request: HttpRequest, viewer: Viewer, question: HeardQuestion, asked: DetectionFilter, stations: QuerySet[Station]
) -> TagsShown:
    """The page of the table that the URL asks for; the number of queries does not depend on how many tags there are."""
    columns = headings_of(COLUMNS, asked.sort)
    number = request.GET.get("page", "1")
    wanted = int(number) if number.isascii() and number.isdigit() and len(number) < 7 else 1
    try:
        found = _part(question, asked, wanted)
    except InvalidInput as refusal:
        return TagsShown(None, [], None, columns, str(refusal))
    pages = Paginator(range(found.tags), PAGE_SIZE).get_page(wanted)
    if pages.number != wanted:
        found = _part(question, asked, pages.number)
    parts = asked.small_parts()
    counted = tag_parts(question=question, parts=parts, by="tag", among=[row.name for row in found.rows])
    alone = stations.in_bulk([row.station_id for row in found.rows if row.stations == 1])
    names = tag_names(viewer=viewer, tags=[row.name for row in found.rows])
    rows = [
        TagShown(
            row=row,
            bars=bars_of(counted[row.name], parts),
            ports=", ".join(str(port) for port in row.ports),
            station=alone.get(row.station_id) if row.stations == 1 else None,
            name=names.get(row.name, ""),
        )
        for row in found.rows
    ]
    return TagsShown(found, rows, pages, columns)


def _part(question: HeardQuestion, asked: DetectionFilter, number: int) -> TagList:
    return tag_list(
        question=question,
        sort=asked.sort,
        least=asked.least,
        limit=PAGE_SIZE,
        offset=max(number - 1, 0) * PAGE_SIZE,
    )
