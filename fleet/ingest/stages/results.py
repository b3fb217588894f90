"""Results of a round besides rows: reports about commands, messages in quarantine, and stations that changed."""

from fleet.commands.reports import Report, commands_report
from fleet.ingest.delivery import Refusal
from fleet.ingest.quarantine import quarantine_write
from fleet.ingest.round import Round


def apply_command_reports(work: Round) -> None:
    """Apply reports about commands; refuse those that are about another station's command."""
    statuses = work.batch.command_statuses
    reports = [Report(arrival.station.id, arrival.message.body) for arrival in statuses]
    for stray in commands_report(reports, work.moment):
        arrival = statuses[stray]
        sentence = f"The station has no command {reports[stray].status.command}."
        work.refusals.append(Refusal(arrival.delivery, arrival.station, "unknown-command", sentence, is_counted=True))


def quarantine_refusals(work: Round) -> None:
    """Quarantine refused messages. A message stored in part is in quarantine as well, but counts as stored."""
    written = quarantine_write(work.refusals, work.moment) if work.refusals else 0
    work.outcome.quarantined = written - work.outcome.partial


def list_changes(work: Round) -> None:
    """List the stations whose open pages have to be refreshed."""
    for station in work.heard.values():
        work.outcome.changed.setdefault(station.organization_id, set()).add(station.serial)
