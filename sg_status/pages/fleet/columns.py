"""Columns of the fleet's table: all of them, those that are shown, and their heads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from sg_status.headings import Heading, headings_of

#: The class of a column that a narrow window leaves out, unless somebody chose it.
WIDE = "xl"


@dataclass(frozen=True, slots=True)
class FleetColumn:
    """One column: key in the URL, text, class, and whether it holds figures, sorts, and needs a wide window."""

    key: str
    label: Promise
    kind: str
    is_number: bool = False
    is_sorted: bool = True
    is_wide: bool = False


@dataclass(frozen=True, slots=True)
class ColumnHead:
    """A column as shown: its class, and its heading if the table can be sorted by it."""

    column: FleetColumn
    kind: str
    heading: Heading | None
    #: Text below its label.
    remark: str = ""

    @property
    def label(self) -> Promise:
        """Its text."""
        return self.column.label


#: State and name are always there.
FIXED: Final = (FleetColumn("state", _("State"), "a-state"), FleetColumn("name", _("Station"), "a-name"))
COLUMNS: Final = (
    FleetColumn("serial", _("Serial"), "a-serial", is_wide=True),
    FleetColumn("site", _("Site"), "a-site", is_wide=True),
    FleetColumn("week", _("Last 7 days"), "a-strip", is_sorted=False),
    FleetColumn("last_contact", _("Last contact"), "a-last"),
    FleetColumn("battery", _("Battery, 7 days"), "n a-bat", is_number=True),
    FleetColumn("backlog", _("Backlog"), "n a-back", is_number=True),
    FleetColumn("detections", _("Detections today"), "n a-det", is_number=True),
    FleetColumn("health", _("Health"), "a-marks", is_sorted=False, is_wide=True),
)
KEYS: Final = tuple(column.key for column in COLUMNS)
SORTS: Final = tuple(column.key for column in (*FIXED, *COLUMNS) if column.is_sorted)


def heads_of(chosen: Sequence[str], sort: str, remarks: Mapping[str, str]) -> list[ColumnHead]:
    """The heads of the chosen columns; if none is chosen, of all columns, the wide ones only where there is room."""
    shown = [column for column in COLUMNS if column.key in chosen] if chosen else list(COLUMNS)
    return [_head(column, sort, remarks, is_chosen=bool(chosen)) for column in (*FIXED, *shown)]


def _head(column: FleetColumn, sort: str, remarks: Mapping[str, str], *, is_chosen: bool) -> ColumnHead:
    kind = f"{column.kind} {WIDE}" if column.is_wide and not is_chosen else column.kind
    heading = headings_of([(column.key, column.label, column.is_number)], sort)[0] if column.is_sorted else None
    return ColumnHead(column, kind, heading, remarks.get(column.key, ""))
