"""Moving a data file's content into the outbox chunk by chunk, with position and account in one transaction."""

import time
from dataclasses import replace

from formats.lines import Fix
from formats.sensorgnome.account import OpenAccount, Tally
from formats.sensorgnome.grammar import lines_of
from formats.sensorgnome.lines import Line, PulseLine
from formats.sensorgnome.messages import LineMessage, messages_make
from formats.sensorgnome.names import file_name_parse
from formats.sensorgnome.places import Places
from formats.sensorgnome.portion import (
    FilePortion,
    Lines,
    Wishes,
    back_note,
    back_take,
    lines_select,
    lost_add,
    portion_take,
    shows_marks,
    zeros_take,
)
from formats.sensorgnome.position import FilePosition
from formats.sensorgnome.reader import Chunk, LineReader
from station_agent.outbox import BACK_FILL, Rank
from station_agent.sensorgnome.accounts import Accounts
from station_agent.sensorgnome.contents import FileContents
from station_agent.sensorgnome.counts import PulseCounts
from station_agent.sensorgnome.folder import AHEAD, DataFile, Folder
from station_agent.sensorgnome.positions import FilePositions
from station_agent.sensorgnome.ranks import rank_of
from station_agent.station import SourceView, Station

#: Bytes at a file's beginning by which it is recognised.
HEAD_BYTES = 64
#: Seconds after which a finished file counts as the past, which is sent after current data.
BACK_FILL_AFTER = 6 * 3_600.0


class Taker:
    """Reads the files of one folder. `budget` is the number of chunks left in this poll; `wishes` say what is sent."""

    def __init__(self, station: Station, view: SourceView, folder: Folder, known: dict[str, FilePosition]) -> None:
        database = station.outbox.database
        self._station = station
        self._outbox = station.outbox
        self._view = view
        self._folder = folder
        self._known = known
        self._positions = FilePositions(database)
        self._accounts = Accounts(database)
        self._contents = FileContents(database)
        self._counts = PulseCounts(database)
        self.budget = 0
        self.wishes = Wishes()
        self.places = Places()
        self._newest_start = 0
        self._growth_seen = False
        #: Source, serial and boot of files whose writer marks noise itself.
        self._marked = {_line_of(key) for key in self._accounts.marked()}
        #: Keys of files by their name in rows: several if there are copies.
        self._twins: dict[str, set[str]] = {}
        for key in known:
            if name := file_name_parse(key.rpartition("/")[2]):
                self._twins.setdefault(name.name, set()).add(key)

    def read(self, file: DataFile, *, finished: bool) -> None:
        """Take chunks from the file until it has no more or the budget is spent."""
        if file.size == 0:
            if finished:
                empty = replace(file.account, state="done", unread=0)
                self.store(file, nothing_taken(file.position._replace(done=True), empty), [], finished=True)
            return
        as_now = (file.size, file.mtime)
        with LineReader(file.path, checked=file.checked if file.checked_as == as_now else None) as reader:
            if finished and (reader.compressed or file.position.offset == 0):
                file.checked, file.checked_as = reader.check(), as_now
            if file.position.done and not self._read_on(file, reader):
                return
            self._recognize(file, reader)
            if file.position.offset == 0 and finished and self._is_known(file, reader):
                return
            while self.budget > 0 and self._step(file, reader, finished=finished):
                self.budget -= 1

    def _read_on(self, file: DataFile, reader: LineReader) -> bool:
        """Check whether a finished file contains more; its uncertain end is then read again."""
        position = file.position
        length = reader.text_measure(position.offset) if reader.compressed else file.size
        if length == position.offset or (reader.compressed and length < position.offset):
            if reader.checked and reader.checked.damage and not self._folder.is_still(file):
                # A compressed file that ends too early may still be being written.
                return False
            same = replace(file.account, state="done", unread=0)
            self.store(file, nothing_taken(position, same), [], finished=True)
            return False
        file.position, file.account = back_take(position, file.account)
        return True

    def _recognize(self, file: DataFile, reader: LineReader) -> None:
        """Start again with a file that was replaced; step back in one that was truncated."""
        position = file.position
        head = reader.head(HEAD_BYTES)
        cut = not reader.compressed and file.size < position.offset
        if head[: len(position.head)] != position.head and not (cut and position.head.startswith(head)):
            unread = file.account.unread
            self._station.event(
                "file_replaced", {"file": file.name.name, "lines_sent": position.line, "bytes_unread": unread}
            )
            file.position = FilePosition(head=head)
            file.account = OpenAccount(start=file.name.start, size=file.size, unread=file.size)
        elif cut:
            text = file.path.read_bytes()
            end, lines = text.rfind(b"\n") + 1, text.count(b"\n")
            self._station.event("file_truncated", {"file": file.name.name, "from": position.offset, "to": end})
            file.position = position._replace(offset=end, line=lines, head=head, recent=())
            known = Tally(bytes_known=end, lines_known=lines)
            file.account = replace(file.account, tally=known, refusals={}, back="")
        elif len(position.head) < len(head):
            file.position = position._replace(head=head)

    def _is_known(self, file: DataFile, reader: LineReader) -> bool:
        """Whether this is a copy of a file already read under another name or in another folder.

        A copy with more data than was read is read from that point on.
        """
        twin = self._twin(file)
        if twin is None or (reader.checked and reader.checked.damage):
            return False
        length = reader.text_measure(0) if reader.compressed else file.size
        if length < twin.offset:
            text = b"".join(reader.pieces())
            lines = text.count(b"\n") + (not text.endswith(b"\n"))
            position = file.position._replace(
                offset=length, line=lines, done=True, size=file.size, heading=twin.heading
            )
        else:
            lines = twin.line
            position = twin._replace(head=file.position.head, done=False, size=0)
        known = replace(file.account, tally=Tally(bytes_known=position.offset, lines_known=lines), counted=lines)
        if length <= twin.offset:
            done = replace(known, state="done", unread=0)
            self.store(file, nothing_taken(position._replace(done=True), done), [], finished=True)
            return True
        file.position, file.account = position, known
        return False

    def _step(self, file: DataFile, reader: LineReader, *, finished: bool) -> bool:
        """Take one chunk into the outbox; return False if there is nothing more to take now."""
        position = file.position
        chunk = reader.chunk(position.offset)
        if chunk.damage and not self._folder.is_still(file):
            # A compressed file that ends too early may still be being written.
            finished = False
        last = chunk.ended and finished
        if chunk.zeros:
            return self._zeros_take(file, reader, chunk, last=last)
        lines = lines_of(chunk, position, file.name, last=last)
        trusted = self._is_trusted(file, lines)
        chosen = lines_select(lines, position.recent, self.wishes, trusted=trusted, last=last)
        if not chosen.lines and not last:
            return False
        place = self.places.told
        taken = portion_take(lines, position, file.account, chosen, self.wishes, self.places)
        if last:
            taken = self._end(file, reader, lines, taken, trusted=trusted, has_rest=bool(chunk.rest))
        damaged = taken.account.damaged or bool(finished and reader.checked and reader.checked.damage)
        name = file.name
        if not finished and self._station.clock_base is not None:
            # Data from a clock known to be wrong is less precise than the file's name says.
            name = name._replace(clock="P")
        messages = messages_make(taken.told, name, damaged=damaged)
        try:
            self.store(file, taken, messages, finished=finished)
        except BaseException:
            self.places.told = place
            raise
        return not chunk.ended

    def _zeros_take(self, file: DataFile, reader: LineReader, chunk: Chunk, *, last: bool) -> bool:
        """Skip zero bytes; wait on those at the end of a file that may still grow."""
        if chunk.ended and not last:
            return False
        taken = zeros_take(chunk.zeros, file.position, file.account)
        if last:
            lines = Lines([], [], ended=True)
            taken = self._end(file, reader, lines, taken, trusted=True, has_rest=False)
        self.store(file, taken, [], finished=last)
        return not chunk.ended

    def _end(
        self, file: DataFile, reader: LineReader, lines: Lines, taken: FilePortion, *, trusted: bool, has_rest: bool
    ) -> FilePortion:
        """Finish a file: record what is lost of it, and where to continue if it turns out not to be finished."""
        checked = reader.checked
        sure = lines_select(lines, file.position.recent, self.wishes, trusted=trusted, last=False)
        sure = sure._replace(lines=min(sure.lines, len(lines.numbered) - has_rest))
        before = portion_take(lines, file.position, file.account, sure, self.wishes, Places())
        now = replace(taken.account, state="done", size=file.size, unread=0)
        if sure.lines < len(lines.numbered) or (checked and checked.lost):
            now = replace(now, back=back_note(before.position, before.account))
        if checked and checked.damage:
            now = lost_add(now, checked.lost, checked.damage)
        return taken._replace(position=taken.position._replace(done=True), account=now)

    def _is_trusted(self, file: DataFile, lines: Lines) -> bool:
        """Whether the writer of this file marks noise, as seen in any of its files of this boot."""
        line = _line_of(file.key)
        if line not in self._marked and shows_marks(lines.numbered):
            self._marked.add(line)
            file.account = replace(file.account, marks=True)
        return line in self._marked

    def _twin(self, file: DataFile) -> FilePosition | None:
        """The most advanced position in an undamaged file of the same name and beginning, if any."""
        found = None
        for key in self._twins.get(file.name.name, ()):
            active = self._folder.active.get(key)
            position = active.position if active else self._known.get(key)
            if key == file.key or position is None or not position.head or not position.offset:
                continue
            length = min(len(position.head), len(file.position.head))
            if position.head[:length] != file.position.head[:length]:
                continue
            account = active.account if active else self._accounts.read(key)
            if account is not None and account.damaged:
                # This copy may have what is missing there. The server recognises the lines that both have.
                continue
            if found is None or position.offset > found.offset:
                found = position
        return found

    def store(self, file: DataFile, taken: FilePortion, messages: list[LineMessage], *, finished: bool) -> None:
        """Commit the lines, the position and the account together."""
        past = finished and time.time() - file.mtime > BACK_FILL_AFTER
        position = taken.position._replace(size=file.size)
        now = replace(taken.account, size=file.size)
        if not position.done:
            now = replace(now, unread=file.size if file.compressed else max(file.size - position.offset, 0))
        with self._outbox.database.transaction():
            for kind, body in messages:
                rank = rank_of(body)
                self._outbox.put(kind, body, Rank(rank.sending + BACK_FILL, rank.worth) if past else rank)
            if now.damaged and not file.account.damaged:
                self._station.event(
                    "file_damaged", {"file": file.name.name, "why": now.reason[:200], "lines_read": position.line}
                )
            if self.wishes.pulses != "all":
                self._counts.add(
                    (row.line.port, row.line.at)
                    for row in taken.taken
                    if isinstance(row.line, PulseLine) and row.number > file.account.counted
                )
            self._positions.store(file.key, position)
            self._accounts.store(file.key, now)
            self._contents.add(file.key, taken.taken, is_fresh=not file.account.tally.lines_read)
        file.position, file.account = position, now
        self._twins.setdefault(file.name.name, set()).add(file.key)
        if taken.taken:
            self._share_newest(file, [row.line for row in taken.taken])
        if position.done:
            self._folder.finish(file)

    def _share_newest(self, file: DataFile, lines: list[Line]) -> None:
        """Tell the rest of the agent what the newest lines say about the station.

        The newest lines are those of a file that was seen to grow, else of the file with the latest plausible start.
        """
        self._view.last_data_at = time.time()
        if file.has_grown and not self._folder.is_followed(file):
            self._growth_seen = True
        elif self._growth_seen or not self._newest_start <= file.name.start <= (time.time() + AHEAD) * 1_000_000:
            return
        else:
            self._newest_start = file.name.start
        self._station.vitals.clock_code = file.name.clock
        fixes = [line for line in lines if isinstance(line, Fix)]
        if fixes:
            self._station.vitals.gps_state = "no fix" if fixes[-1].lat is None else "fix"


def nothing_taken(position: FilePosition, account: OpenAccount) -> FilePortion:
    """A new position and account without any line."""
    return FilePortion(position, account, [], [])


def _line_of(key: str) -> tuple[str, str, str]:
    """Source, serial and boot of a file by its key: all files of one such group come from the same writer."""
    name = file_name_parse(key.rpartition("/")[2])
    return (name.source, name.serial, name.boot) if name else ("", "", "")
