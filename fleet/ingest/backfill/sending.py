"""Sending a surveyed piece the way all data comes, through the broker, and counting its lines that are here then."""

from collections import Counter
from collections.abc import Callable

from fleet.ingest.backfill.pieces import CardPiece, PieceFile
from fleet.ingest.backfill.totals import Totals, counters_add
from fleet.ingest.cards.known import lines_known, numbers_counted, stations_of_serial
from fleet.ingest.cards.sending import CardSender
from fleet.ingest.cards.survey import serials_of
from fleet.ingest.models import Backfill, BackfillFile
from formats.sensorgnome.card import CardPart
from formats.sensorgnome.content import OTHER, letter_of
from message_queue.publisher import Publisher

CHANGED = "It has changed since the survey, so nothing of it was sent: read it again."


class PieceSender:
    """Sends the pieces of one back-fill during one turn."""

    def __init__(
        self, backfill: Backfill, publisher: Publisher, tell: Callable[[int], None], patience_s: float
    ) -> None:
        self._backfill = backfill
        self._own = serials_of(backfill.station, backfill.also_of)
        self._ids = stations_of_serial(backfill.station)
        self._sender = CardSender(backfill.station, publisher, tell, self._count, patience_s)
        self._here: dict[int, Counter[str]] = {}

    def send(self, piece: CardPiece, met: dict[str, str], totals: Totals) -> list[BackfillFile]:
        """Send the lines that are not here yet, and update the sums; return the changed rows, not yet saved."""
        rows, changed = self._surveyed(piece)
        reader, what_of = piece.reader(self._own, met, lambda what: _key(what) in rows)
        self._here = {}
        self._sender.send(reader)
        by_file = {_key(what): report for report, what in zip(reader.reports, what_of, strict=True)}
        known = numbers_counted(self._backfill.station, [row.stream for row in rows.values() if row.missing])
        for key, row in rows.items():
            report = by_file[key]
            if report.account.state != "done":
                row.is_left = report.account.state == "refused" and (row.state == "done" or row.is_left)
                # The answers made it another station's file, or it can no longer be read.
                row.state, row.reason = report.account.state, report.account.reason[:250]
            # If the file was not sent, the lines that were here are still here.
            row.after = dict(self._here.get(id(report), row.before if report.account.state != "done" else Counter()))
            if report.stream and not row.stream:
                # The survey took it for a copy of a file that was not sent, so its lines count only with that file.
                row.reason = report.account.reason[:250]
            else:
                counters_add(totals.after, row.after.items())
            if row.missing and report.stream == row.stream:
                totals.closed += row.missing - max(report.messages - known.get(row.stream, 0), 0)
        for row in changed:
            counters_add(totals.after, row.before.items())
        counters_add(totals.held, self._sender.held().items())
        totals.changed += len(changed)
        return [*rows.values(), *changed]

    def _surveyed(self, piece: CardPiece) -> tuple[dict[tuple[int, int], BackfillFile], list[BackfillFile]]:
        """The survey's rows for this piece: files with the same content, by their key, and files that changed since."""
        every = [*piece.what, *(what for _, what in piece.refused)]
        content = {what.revision.pk: what.revision.content_id for what in every}
        members = {_key(what) for what in every}
        found = BackfillFile.objects.filter(backfill=self._backfill, revision_id__in=content)
        same, changed = dict[tuple[int, int], BackfillFile](), list[BackfillFile]()
        for row in found:
            if (row.revision_id, row.member) not in members:
                continue
            if row.content_id == content[row.revision_id]:
                same[row.revision_id, row.member] = row
            else:
                row.reason, row.after = CHANGED, dict(row.before)
                changed.append(row)
        return same, changed

    def _count(self, part: CardPart) -> None:
        """Count the lines of a part that are here now."""
        name = part.report.name
        if name is None:
            return
        known = lines_known(self._ids, part.told, name)
        here = self._here.setdefault(id(part.report), Counter())
        here.update(letter_of(row.line) for row in part.told if row.number in known)
        here.pop(OTHER, None)


def _key(what: PieceFile) -> tuple[int, int]:
    return what.revision.pk, what.member
