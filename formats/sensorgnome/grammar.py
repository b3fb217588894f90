"""Reading a chunk of a file by the grammar of its format."""

from collections.abc import Callable

from formats.ctt.lines import ctt_line_read
from formats.lines import ColumnNames, LineRead, line_without_end
from formats.sensorgnome.lines import line_read
from formats.sensorgnome.messages import moments_fill
from formats.sensorgnome.names import FileName
from formats.sensorgnome.portion import Lines
from formats.sensorgnome.position import FilePosition
from formats.sensorgnome.pulses import lines_read
from formats.sensorgnome.reader import Chunk


def lines_of(chunk: Chunk, position: FilePosition, name: FileName, *, last: bool) -> Lines:
    """The chunk's lines with their numbers; at a finished file's end including the incomplete line."""
    if name.is_table or chunk.passed:
        read_one = _table_reader(position.heading) if name.is_table else line_read
        read = [read_one(raw, passed=chunk.passed) for raw in chunk.lines]
    else:
        read = lines_read(chunk.lines)
    if last and chunk.rest:
        read.append(line_without_end(chunk.rest, chunk.rest_bytes))
    first = enumerate((row.line for row in read), position.line + 1)
    return Lines(read, moments_fill(first, position.last_at or name.start), chunk.ended)


def _table_reader(heading: str) -> Callable[..., LineRead]:
    """A reader of lines that remembers the last heading."""

    def read_one(raw: bytes, *, passed: int = 0) -> LineRead:
        nonlocal heading
        read = ctt_line_read(raw, heading, passed=passed)
        if isinstance(read.line, ColumnNames):
            heading = read.line.text
        return read

    return read_one
