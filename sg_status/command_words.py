"""Commands in words: their label, their state, and each step with the time it took."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from fleet.commands.models import Command
from fleet.core.spoken import duration_words, moment_words
from message_queue.contracts.commands import command_contracts

#: Shorter waits are shown in milliseconds: an immediate ping answer is worth seeing.
_MILLISECONDS_BELOW_S = 10.0


@dataclass(frozen=True, slots=True)
class ShownStep:
    """One step in the life of a command."""

    word: str
    at: datetime
    took: str
    note: str
    is_applied: bool


@dataclass(frozen=True, slots=True)
class ShownCommand:
    """One command as shown in tables."""

    id: UUID
    label: str
    word: str
    is_open: bool
    parameters: dict[str, Any]
    issued_at: datetime
    expires: str
    by: str
    note: str
    #: The outcome of a cancelled command; shown before `ran_at` if that is known.
    fate: str
    ran_at: datetime | None
    result: dict[str, Any]
    output: str
    steps: list[ShownStep]
    #: Number of reports that had no effect; they are not steps.
    left_out: int


def command_label(name: str) -> str:
    """The command's label in the reader's language; its name if we no longer know the command."""
    contract = command_contracts().get(name)
    return _(contract.label) if contract else name


def state_word(state: str) -> str:
    """A command's state in words."""
    words: dict[str, str] = {
        Command.State.QUEUED: pgettext("command", "waiting to be sent"),
        Command.State.SENT: pgettext("command", "waiting for the station"),
        Command.State.RECEIVED: pgettext("command", "accepted by the station"),
        Command.State.RUNNING: pgettext("command", "running"),
        Command.State.SUCCEEDED: pgettext("command", "done"),
        Command.State.FAILED: pgettext("command", "failed"),
        Command.State.REFUSED: pgettext("command", "refused by the station"),
        Command.State.EXPIRED: pgettext("command", "expired, not run"),
        Command.State.CANCELLED: pgettext("command", "cancelled"),
    }
    return words.get(state, state)


def _word(command: Command) -> str:
    """The overall state of a command: one that ran is not just cancelled."""
    if command.withdrawal == Command.Withdrawal.RAN:
        return pgettext("command", "cancelled, but it ran")
    return state_word(command.state)


def withdrawal_words(withdrawal: str) -> str:
    """The outcome of a cancelled command, as a sentence; if the command ran, the time follows it."""
    words: dict[str, str] = {
        Command.Withdrawal.UNSENT: _("It never left Roost."),
        Command.Withdrawal.SOUGHT: _("It is being withdrawn; the station may already have it and run it."),
        Command.Withdrawal.TAKEN_BACK: _("It was removed from the station's queue before the station received it."),
        Command.Withdrawal.STOPPED: _("The station knows about the cancellation and does not run it."),
        Command.Withdrawal.LAPSED: _("It has expired; a station that still has it no longer runs it."),
        Command.Withdrawal.RAN: _("It ran anyway, before the cancellation reached the station, at"),
    }
    return words.get(withdrawal, "")


def command_shown(command: Command, moment: datetime) -> ShownCommand:
    """A command with its (prefetched) steps, in words."""
    steps: list[ShownStep] = []
    before = command.issued_at
    for step in command.steps.all():
        took = (step.received_at - before).total_seconds()
        steps.append(
            ShownStep(
                state_word(step.state), step.received_at, _wait_words(took) if steps else "", step.note, step.is_applied
            )
        )
        before = step.received_at
    return ShownCommand(
        id=command.id,
        label=command_label(command.name),
        word=_word(command),
        is_open=command.state in Command.OPEN,
        parameters=command.parameters,
        issued_at=command.issued_at,
        expires=moment_words(command.expires_at, moment),
        by=command.issued_by_name,
        note=command.note,
        fate=withdrawal_words(command.withdrawal),
        ran_at=command.ran_at,
        result=command.result,
        output=command.output,
        steps=steps,
        left_out=command.reports_left_out,
    )


def _wait_words(seconds: float) -> str:
    if seconds < _MILLISECONDS_BELOW_S:
        return _("after %(n)d ms") % {"n": round(max(seconds, 0.0) * 1000)}
    return _("after %(duration)s") % {"duration": duration_words(seconds)}
