"""A stored file as a page shows it: its beginning as a table with figures and a plot, as text, or as a picture."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from fleet.core.errors import DomainError
from fleet.files.looking.beginning import LOOK_MOST, Beginning, FileKind, beginning_read, kind_of, text_of
from fleet.files.looking.markdown import markdown_html
from fleet.files.looking.sheets import sheet_read
from fleet.files.looking.tables import ColumnStatistics, LookTable, rows_sorted, statistics_of, table_read
from fleet.files.store.models import FileRevision
from formats.sensorgnome.names import file_name_parse
from sg_status.files.quick_plot import QuickPlot, quick_plot
from sg_status.headings import Heading, headings_of
from sg_status.words import bytes_words

#: Rows of a table, and characters of a text, that are on the page.
ROWS_SHOWN, TEXT_SHOWN = 100, 60_000


@dataclass(slots=True)
class Look:
    """The parts of a file that its page shows. `remarks`: what it does not show, and why."""

    kind: FileKind
    remarks: list[str] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    figures: list[ColumnStatistics] = field(default_factory=list)
    plot: QuickPlot | None = None
    plots: list[tuple[str, str]] = field(default_factory=list)
    text: str = ""
    html: SafeString | None = None
    #: Names of a spreadsheet's sheets, and the index of the one that is shown.
    sheets: list[str] = field(default_factory=list)
    sheet: int = 0


def look_of(revision: FileRevision, asked: Mapping[str, str]) -> Look:
    """The parts of a file to show. `asked` may have `sort` and `plot`, each a column, and `sheet`."""
    kind, path = kind_of(revision.file.path), revision.file.path
    look = Look(kind)
    try:
        if kind is FileKind.SHEET:
            look.sheet = sheet_asked(asked)
            table, look.sheets = sheet_read(revision.content, sheet=look.sheet)
            _table_show(look, table, asked)
        elif kind in (FileKind.TABLE, FileKind.TEXT, FileKind.MARKDOWN):
            _beginning_show(look, beginning_read(revision.content, path), path, asked)
    except FileNotFoundError:
        look.remarks.append(_("The bytes of this file are missing on the server: upload it again."))
    except DomainError as error:
        look.remarks.append(str(error))
    return look


def sheet_asked(asked: Mapping[str, str]) -> int:
    """The index of the requested sheet, which the URL counts from 1; the first if that is not a number."""
    given = asked.get("sheet", "")
    return max(int(given) - 1, 0) if given.isascii() and given.isdigit() and len(given) < 5 else 0


def _beginning_show(look: Look, beginning: Beginning, path: str, asked: Mapping[str, str]) -> None:
    if beginning.is_damaged:
        look.remarks.append(_("The file is damaged: this is what is before the damage."))
    elif not beginning.is_whole:
        most = bytes_words(LOOK_MOST)
        look.remarks.append(_("The file is long: this is from its first %(most)s.") % {"most": most})
    if look.kind is FileKind.MARKDOWN:
        look.html = markdown_html(_shortened(look, text_of(beginning.octets)))
        return
    name = path.rpartition("/")[2]
    # A text with commas is not a table, but a receiver's file is: its name tells.
    has_rows = look.kind is FileKind.TABLE or file_name_parse(name) is not None
    table = table_read(beginning, name) if has_rows else None
    if table is not None:
        look.kind = FileKind.TABLE
        _table_show(look, table, asked)
        return
    look.kind = FileKind.TEXT
    look.text = _shortened(look, text_of(beginning.octets))


def _table_show(look: Look, table: LookTable, asked: Mapping[str, str]) -> None:
    look.kind = FileKind.TABLE
    look.figures = statistics_of(table)
    numeric = {one.column for one in look.figures}
    columns = [(str(place), name, name in numeric) for place, name in enumerate(table.columns)]
    sort, plot = asked.get("sort", ""), asked.get("plot", "")
    place = _place(sort.removeprefix("-"), table)
    rows = table.rows if place is None else rows_sorted(table, place, is_descending=sort.startswith("-"))
    look.headings = headings_of(columns, sort if place is not None else "")
    look.rows = rows[:ROWS_SHOWN]
    look.plots = [(key, name) for key, name, is_number in columns if is_number]
    drawn = _place(plot, table)
    values = table.numbers(drawn) if drawn is not None else None
    look.plot = quick_plot(table.columns[drawn], values) if drawn is not None and values else None
    if len(rows) > ROWS_SHOWN or table.has_more:
        words = _("%(shown)d rows are shown. Sorting, figures and plot are of the first %(read)d rows.")
        look.remarks.append(words % {"shown": len(look.rows), "read": len(rows)})
    if table.has_more:
        look.remarks.append(_("The file has more rows: download it to see them all."))
    if table.is_cut:
        look.remarks.append(_("Long cells are cut, and columns after the 40th are left out."))


def _shortened(look: Look, text: str) -> str:
    if len(text) > TEXT_SHOWN:
        look.remarks.append(_("The first %(most)d characters are shown.") % {"most": TEXT_SHOWN})
    return text[:TEXT_SHOWN]


def _place(asked: str, table: LookTable) -> int | None:
    """The column that is asked for, if there is one."""
    is_number = asked.isascii() and asked.isdigit() and len(asked) < 4
    return int(asked) if is_number and int(asked) < len(table.columns) else None
