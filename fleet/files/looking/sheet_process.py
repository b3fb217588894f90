"""Turn a spreadsheet into rows of text. Runs as a separate process with limited memory.

Reads the file from standard input and prints the first sheet's rows, or why it refused. It imports none of our code: it
has no settings, no secrets and no database.
"""

import io
import json
import os
import resource
import sys
from contextlib import suppress
from typing import Any

#: Bytes of memory and seconds of CPU time: a file that needs more is refused and cannot harm anything else.
MEMORY_MOST, SECONDS_MOST = 700_000_000, 10


def main(rows_most: int, columns_most: int, cell_most: int) -> dict[str, Any]:
    """Convert within the limits. Returns `sheets`, `rows` and `more`, or `refused`."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MOST, MEMORY_MOST))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_MOST, SECONDS_MOST))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Pages and the API have priority.
    os.nice(10)
    octets = sys.stdin.buffer.read()
    # Imported after the limits are set, so that they apply to everything it reads.
    from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415 - as above

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(octets))
        sheet = book.get_sheet_by_index(0)
        more = False
        found: list[list[str]] = []
        for row in sheet.iter_rows():
            if len(found) == rows_most:
                more = True
                break
            found.append([str(cell)[: cell_most + 1] for cell in row[: columns_most + 1]])
    except (CalamineError, OSError, ValueError, TypeError, IndexError, MemoryError):
        return {"refused": "unread"}
    return {"sheets": list(book.sheet_names)[:100], "rows": found, "more": more}


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
