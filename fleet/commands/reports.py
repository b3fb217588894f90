"""Reports from stations about their commands, stored in a few statements per batch.

The first closing report wins. Later, repeated or out-of-order reports change nothing: up to `STEPS_MOST` are kept as
steps, with their results; repeats and all further ones are only counted. An expired command still keeps a result that
arrives too late.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from fleet.commands.announcing import steps_announce
from fleet.commands.models import Command, CommandStep
from fleet.commands.withdrawal import withdrawal_settle
from fleet.core import clock
from fleet.core.outbox import job_ask
from fleet.stations.logins import rotation
from message_queue.contracts.command_status import CommandStatus

State = Command.State
#: How many steps that changed nothing are kept for one command.
STEPS_MOST = 20
#: For each reported state, the states of a command that it replaces.
_MOVES: dict[str, tuple[str, ...]] = {
    State.RECEIVED: (State.QUEUED, State.SENT),
    State.RUNNING: (State.QUEUED, State.SENT, State.RECEIVED),
    State.SUCCEEDED: Command.OPEN,
    State.FAILED: Command.OPEN,
    State.REFUSED: Command.OPEN,
    State.EXPIRED: Command.OPEN,
}
_CLOSING = frozenset({State.SUCCEEDED, State.FAILED, State.REFUSED, State.EXPIRED})


class Report(NamedTuple):
    """One station's report about one command."""

    station_id: int
    status: CommandStatus


@transaction.atomic
def commands_report(reports: Sequence[Report], moment: datetime) -> list[int]:
    """Apply reports in order; return the indexes of those whose command does not belong to their station."""
    if not reports:
        return []
    # Locked in one order, so that two workers with reports on the same commands cannot deadlock.
    asked = Command.objects.select_for_update().filter(id__in={report.status.command for report in reports})
    ledger = _Reported({command.id: command for command in asked.order_by("id")}, moment)
    strays = [place for place, report in enumerate(reports) if not ledger.take(report)]
    ledger.write()
    return strays


class _Reported:
    """Locked commands of a batch, and the changes that its reports make."""

    def __init__(self, commands: dict[UUID, Command], moment: datetime) -> None:
        self._commands = commands
        self._moment = moment
        self._steps: list[CommandStep] = []
        self._moved: dict[UUID, Command] = {}
        self._counted: dict[UUID, Command] = {}
        #: Reports on cancelled commands by command and state: only the earliest and the latest matter.
        self._cancelled: dict[tuple[UUID, str], tuple[CommandStatus, CommandStatus]] = {}
        said = CommandStep.objects.filter(command__in=list(commands)).values_list(
            "command", "state", "occurred_at", "is_applied"
        )
        self._said: set[tuple[UUID, str, datetime]] = set()
        self._idle: dict[UUID, int] = {}
        for command_id, state, occurred_at, is_applied in said:
            self._said.add((command_id, state, occurred_at))
            self._idle[command_id] = self._idle.get(command_id, 0) + (not is_applied)

    def take(self, report: Report) -> bool:
        """Apply one report; False if the command does not belong to this station."""
        status, command = report.status, self._commands.get(report.status.command)
        if command is None or command.station_id != report.station_id:
            return False
        occurred_at = clock.from_seconds(status.at)
        is_applied = command.state in _MOVES[status.state]
        if is_applied:
            self._move(command, status)
        elif command.state == State.CANCELLED:
            first, _latest = self._cancelled.get((command.id, status.state), (status, status))
            self._cancelled[command.id, status.state] = (min(first, status, key=lambda said: said.at), status)
        elif command.state == State.EXPIRED and status.state in _CLOSING and not (command.result or command.output):
            # Too late to close it, but the result is still useful.
            command.result, command.output = status.result, status.output
            self._moved[command.id] = command
        is_other = not is_applied and (status.result, status.output) != (command.result, command.output)
        word = (command.id, status.state, occurred_at)
        if not is_applied and (word in self._said or self._idle.get(command.id, 0) >= STEPS_MOST):
            command.reports_left_out += 1
            self._counted[command.id] = command
            return True
        self._said.add(word)
        self._idle[command.id] = self._idle.get(command.id, 0) + (not is_applied)
        self._steps.append(
            CommandStep(
                command=command,
                state=status.state,
                occurred_at=occurred_at,
                received_at=self._moment,
                is_applied=is_applied,
                note=status.note[:256],
                result=status.result if is_other else {},
                output=status.output if is_other else "",
            )
        )
        return True

    def _move(self, command: Command, status: CommandStatus) -> None:
        command.state = State(status.state)
        if command.state in _CLOSING:
            command.closed_at, command.note = self._moment, status.note
            command.result, command.output = status.result, status.output
        self._moved[command.id] = command
        if command.state == State.SUCCEEDED and command.name == rotation.COMMAND:
            # As a job, because the caller holds locks that an enrolment takes in another order.
            secret_hash = status.result.get(rotation.HASH)
            job_ask(rotation.ACCEPT_JOB, station_id=command.station_id, secret_hash=secret_hash)

    def write(self) -> None:
        """Write all changes."""
        if self._moved:
            fields = ["state", "closed_at", "note", "result", "output"]
            Command.objects.bulk_update(self._moved.values(), fields)
        if self._counted:
            Command.objects.bulk_update(self._counted.values(), ["reports_left_out"])
        CommandStep.objects.bulk_create(self._steps)
        steps_announce(steps=self._steps)
        for (command_id, _state), (first, latest) in self._cancelled.items():
            for status in (first,) if first is latest else (first, latest):
                occurred_at = clock.from_seconds(status.at)
                withdrawal_settle(command=self._commands[command_id], status=status, occurred_at=occurred_at)
