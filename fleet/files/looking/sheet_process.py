"""Turn a sheet of a spreadsheet into rows, one JSON list a line. Runs as a separate process with limited memory.

Reads the file from standard input and prints the rows, then prints to standard error whether there are more, or why it
refused.
It imports none of our code: it has no settings, no secrets and no database.
"""

import io
import json
import os
import resource
import sys
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import Any

#: Bytes of memory and seconds of CPU time, and bytes that are written: a file that needs more is refused and cannot
#: harm anything else.
MEMORY_MOST, SECONDS_MOST, WRITTEN_MOST = 700_000_000, 20, 150_000_000
#: Spreadsheets show 15 digits of a figure: the rest are rounding errors of their arithmetic.
_DIGITS = ".15g"
#: Up to here every whole number is exact.
_WHOLE_MOST = 1e15


def main(sheet: int, rows_most: int, columns_most: int, cell_most: int, cells_most: int) -> dict[str, Any]:
    """Print the first rows of a sheet; longer rows and texts are cut. Returns `sheets` and `more`, or `refused`."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MOST, MEMORY_MOST))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_MOST, SECONDS_MOST))
    resource.setrlimit(resource.RLIMIT_FSIZE, (WRITTEN_MOST, WRITTEN_MOST))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Pages and the API have priority.
    os.nice(10)
    octets = sys.stdin.buffer.read()
    # Imported after the limits are set, so that they apply to everything it reads.
    from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415 - as above

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(octets))
        if sheet >= len(book.sheet_names):
            return {"refused": "sheet"}
        cells, more = 0, False
        for number, whole in enumerate(book.get_sheet_by_index(sheet).iter_rows()):
            row = whole[:columns_most]
            cells += len(row)
            if cells > cells_most:
                return {"refused": "large"}
            if number == rows_most:
                more = True
                break
            sys.stdout.write(json.dumps([plain(cell, cell_most) for cell in row]) + "\n")
        sys.stdout.flush()
    except (CalamineError, OSError, ValueError, TypeError, IndexError, MemoryError):
        return {"refused": "unread"}
    return {"sheets": list(book.sheet_names)[:100], "more": more}


def plain(cell: Any, most: int) -> str | int | float:
    """A cell as a figure or as text cut to `most` characters: times in ISO 8601, durations as hh:mm:ss."""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return int(cell) if cell.is_integer() and abs(cell) < _WHOLE_MOST else float(format(cell, _DIGITS))
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="milliseconds" if cell.microsecond else "seconds")
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        minutes, seconds = divmod(abs(cell).total_seconds(), 60)
        hours, minutes = divmod(int(minutes), 60)
        return f"{'-' if cell < timedelta(0) else ''}{hours:02}:{minutes:02}:{seconds:02.0f}"
    return cell if isinstance(cell, int) else str(cell)[:most]


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        sys.stderr.write(json.dumps(main(*(int(each) for each in sys.argv[1:]))))
