"""Surveying a piece: counting its files and lines, and comparing them with the database; no lines are stored."""

from typing import Any

from fleet.files.models import FileRevision
from fleet.ingest.backfill.pieces import CardPiece, PieceFile
from fleet.ingest.backfill.totals import Totals
from fleet.ingest.cards.known import numbers_counted, offsets_of, stations_of_serial
from fleet.ingest.cards.survey import LineCounts, LineJudge, counts_of, serials_of
from fleet.ingest.models import NAME_MOST, Backfill, BackfillFile
from fleet.stations.models import Station
from formats.sensorgnome.card import FileReport
from formats.sensorgnome.content import OTHER


def judge_of(backfill: Backfill) -> LineJudge:
    """A judge that knows only the station's own lines, because other stations may belong to other organizations."""
    return LineJudge(backfill.station, serials_of(backfill.station, backfill.also_of) | {""}, others=False)


def offsets_now(station: Station) -> list[int]:
    """Microseconds by which rows of the station are corrected now."""
    return sorted(offsets_of(stations_of_serial(station)))


def piece_survey(
    backfill: Backfill, piece: CardPiece, judge: LineJudge, met: dict[str, str], totals: Totals
) -> list[BackfillFile]:
    """Read a piece and add it to the sums; return its rows, not yet saved."""
    reader, what_of = piece.reader(frozenset(), met)
    counts = counts_of(reader, judge)
    for each in counts.values():
        # Events about refused lines; these lines are already counted as refused.
        each.lines.pop(OTHER, None)
        each.known.pop(OTHER, None)
    told = list(zip(reader.reports, what_of, strict=True))
    known = numbers_counted(backfill.station, [report.stream for report, _ in told if report.stream])
    rows = []
    for report, what in told:
        found = counts.get(id(report), LineCounts())
        totals.report_add(report, found)
        row = _row(backfill, report, what, found)
        row.is_left = what in piece.left
        if report.stream and known.get(report.stream):
            row.missing = report.messages - known[report.stream]
            totals.missing += row.missing
        rows.append(row)
    return rows


def _row(backfill: Backfill, report: FileReport, what: PieceFile, counts: LineCounts) -> BackfillFile:
    account, tally = report.account, report.account.tally
    return BackfillFile(
        backfill=backfill,
        **_what(what.revision, what.member),
        name=report.file[:NAME_MOST],
        serial=report.name.serial if report.name else "",
        stream=report.stream,
        state=account.state,
        reason=account.reason[:250],
        refusals=account.refusals,
        octets=account.size,
        lines=dict(counts.lines),
        lines_read=tally.lines_read,
        lines_known=tally.lines_known,
        lines_kept_back=tally.lines_kept_back,
        lines_refused=tally.lines_refused,
        before=dict(counts.known),
    )


def _what(revision: FileRevision, member: int) -> dict[str, Any]:
    return {"revision_id": revision.pk, "content_id": revision.content_id, "member": member}
