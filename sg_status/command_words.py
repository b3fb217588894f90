"""Commands in words: label, state and outcome, and each step with the time it took."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from fleet.commands.models import Command
from fleet.core.spoken import duration_words, interval_words, moment_words
from fleet.core.zones import viewer_time
from message_queue.contracts.commands import command_contracts
from sg_status.command_answers import AnswerFigure, answer_words, figures_of
from sg_status.event_words.data import precise_words
from sg_status.words import NOTHING

#: Waits from 0.1 s to 10 s are rounded to tenths of a second; shorter ones are not, so that an immediate answer shows.
_TENTH_S, _TENTHS_BELOW_S = 0.1, 10.0
#: The profiles, from the one that sends most to the one that sends least.
PROFILES: Final = ("generous", "normal", "frugal", "satellite")


class _Look(NamedTuple):
    """The class and the icon of a state."""

    kind: str
    icon: str


_LOOKS: Final[dict[str, _Look]] = {
    Command.State.QUEUED: _Look("gone", "clock"),
    Command.State.SENT: _Look("gone", "clock"),
    Command.State.RECEIVED: _Look("gone", "inbox"),
    Command.State.RUNNING: _Look("gone", "cmd"),
    Command.State.SUCCEEDED: _Look("ok", "tick"),
    Command.State.FAILED: _Look("check", "check"),
    Command.State.REFUSED: _Look("check", "check"),
    Command.State.EXPIRED: _Look("gone", "retired"),
    Command.State.CANCELLED: _Look("gone", "retired"),
}


@dataclass(frozen=True, slots=True)
class ShownStep:
    """One step in the life of a command."""

    word: str
    at: datetime
    took: str
    note: str
    is_applied: bool
    #: Of a report that came too late, if they are not those of the command.
    figures: list[AnswerFigure]
    output: str


@dataclass(frozen=True, slots=True)
class ShownCommand:
    """One command as shown in tables."""

    id: UUID
    #: The command with its parameters, as in `command_title`.
    title: str
    label: str
    word: str
    kind: str
    icon: str
    is_open: bool
    issued_at: datetime
    by: str
    #: How long it took until it succeeded, failed or was refused; empty otherwise.
    took: str
    #: The outcome, in a sentence or two.
    outcome: str
    #: For an open one: what cancelling can still do.
    cancelling: str
    figures: list[AnswerFigure]
    output: str
    steps: list[ShownStep]
    #: Number of reports that had no effect; they are not steps.
    left_out: int


def command_label(name: str) -> str:
    """The command's label in the reader's language; its name if we no longer know the command."""
    contract = command_contracts().get(name)
    return _(contract.label) if contract else name


def profile_word(name: str) -> str:
    """A data profile in words; an unknown one by its name."""
    words = {
        "generous": pgettext("profile", "generous"),
        "normal": pgettext("profile", "normal"),
        "frugal": pgettext("profile", "frugal"),
        "satellite": pgettext("profile", "satellite"),
    }
    return words.get(name, name[:40])


def command_title(name: str, parameters: dict[str, Any]) -> str:
    """The command with its parameters: `Set reporting interval: every 5 min`."""
    told = [_given(name, key, value) for key, value in parameters.items()]
    label = command_label(name)
    return f"{label}: {', '.join(told)}" if told else label


def _given(command: str, key: str, value: object) -> str:
    """One parameter in words; an unknown one with its name."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return profile_word(str(value)) if key == "profile" else f"{key}: {str(value)[:80]}"
    if command == "set_reporting_interval":
        return interval_words(value)
    shapes = {
        "slowdown": _("%(n)s times slower"),
        "hold_for": _("pause %(duration)s"),
        "for_s": _("for %(duration)s"),
        "spread": _("spread over %(duration)s"),
    }
    shape = shapes.get(key, "") if command == "pace" else ""
    return shape % {"n": value, "duration": duration_words(value)} if shape else f"{key}: {value}"


def state_word(state: str) -> str:
    """A command's state in words."""
    words: dict[str, str] = {
        Command.State.QUEUED: pgettext("command", "waiting to be sent"),
        Command.State.SENT: pgettext("command", "waiting for the station"),
        Command.State.RECEIVED: pgettext("command", "accepted by the station"),
        Command.State.RUNNING: pgettext("command", "running"),
        Command.State.SUCCEEDED: pgettext("command", "done"),
        Command.State.FAILED: pgettext("command", "failed"),
        Command.State.REFUSED: pgettext("command", "refused"),
        Command.State.EXPIRED: pgettext("command", "expired"),
        Command.State.CANCELLED: pgettext("command", "cancelled"),
    }
    return words.get(state, state)


def command_shown(
    command: Command, moment: datetime, *, next_contact: datetime | None = None, reader: str = ""
) -> ShownCommand:
    """A command with its (prefetched) steps, in words. `reader` is the name of whoever reads this."""
    look = _LOOKS.get(command.state, _Look("gone", "note"))
    word = state_word(command.state)
    if command.withdrawal == Command.Withdrawal.RAN:
        look, word = _Look("check", "check"), pgettext("command", "ran anyway")
    return ShownCommand(
        id=command.id,
        title=command_title(command.name, command.parameters if isinstance(command.parameters, dict) else {}),
        label=command_label(command.name),
        word=word,
        kind=look.kind,
        icon=look.icon,
        is_open=command.state in Command.OPEN,
        issued_at=command.issued_at,
        by=command.issued_by_name,
        took=_took(command),
        outcome=_outcome(command, moment, next_contact, reader),
        cancelling=_cancelling(command),
        figures=figures_of(command.result),
        output=command.output,
        steps=_steps(command),
        left_out=command.reports_left_out,
    )


def _outcome(command: Command, moment: datetime, next_contact: datetime | None, reader: str) -> str:
    """The outcome of a command, or what an open one is waiting for."""
    if command.state in (Command.State.QUEUED, Command.State.SENT):
        return _awaited(command, moment, next_contact)
    if command.state == Command.State.CANCELLED:
        return _withdrawn(command, moment, reader)
    if command.state == Command.State.SUCCEEDED:
        return answer_words(command)
    life = duration_words((command.expires_at - command.issued_at).total_seconds())
    words: dict[str, str] = {
        Command.State.RECEIVED: _("The station has it and will run it."),
        Command.State.RUNNING: _("The station is running it."),
        Command.State.EXPIRED: _("The station did not take it within %(duration)s. Nothing changed.")
        % {"duration": life},
    }
    return words.get(command.state) or command.note or NOTHING


def _awaited(command: Command, moment: datetime, next_contact: datetime | None) -> str:
    words = {"expiry": moment_words(command.expires_at, moment)}
    if next_contact is None or next_contact <= moment:
        return _("Taken at the next contact. Expires %(expiry)s.") % words
    words["next"] = moment_words(next_contact, moment)
    return _("Taken at the next contact, about %(next)s. Expires %(expiry)s.") % words


def _withdrawn(command: Command, moment: datetime, reader: str) -> str:
    """The outcome of a cancelled command."""
    if command.withdrawal == Command.Withdrawal.RAN and command.ran_at is not None:
        is_today = viewer_time(command.ran_at).date() == viewer_time(moment).date()
        is_own = bool(reader) and command.note == f"Cancelled by {reader}."
        shapes = {
            (True, True): _("Ran anyway at %(when)s, after you cancelled it."),
            (True, False): _("Ran anyway at %(when)s, after it was cancelled."),
            (False, True): _("Ran anyway %(when)s, after you cancelled it."),
            (False, False): _("Ran anyway %(when)s, after it was cancelled."),
        }
        return shapes[is_today, is_own] % {"when": moment_words(command.ran_at, moment)}
    words: dict[str, str] = {
        Command.Withdrawal.UNSENT: _("Cancelled before it left Roost. It will not run."),
        Command.Withdrawal.SOUGHT: _("Being withdrawn. If the station has it already, it may still run."),
        Command.Withdrawal.TAKEN_BACK: _("Cancelled before the station had taken it. It will not run."),
        Command.Withdrawal.STOPPED: _("The station knows that it is cancelled. It will not run."),
        Command.Withdrawal.LAPSED: _("It has expired: a station that still has it no longer runs it."),
        Command.Withdrawal.RAN: _("Ran anyway, after it was cancelled."),
    }
    return words.get(command.withdrawal, command.note or NOTHING)


def _cancelling(command: Command) -> str:
    """The effect that cancelling can still have."""
    words: dict[str, str] = {
        Command.State.QUEUED: _("It has not left Roost yet, so cancelling stops it."),
        Command.State.SENT: _("Cancelling takes it back, unless the station has fetched it already."),
        Command.State.RECEIVED: _("The station has it: cancelling stops it only if it has not begun."),
        Command.State.RUNNING: _("It is running: cancelling cannot stop it any more."),
    }
    return words.get(command.state, "")


def _took(command: Command) -> str:
    ended = (Command.State.SUCCEEDED, Command.State.FAILED, Command.State.REFUSED)
    if command.closed_at is None or command.state not in ended:
        return ""
    return _("in %(duration)s") % {"duration": _wait(command.closed_at, command.issued_at)}


def _steps(command: Command) -> list[ShownStep]:
    steps: list[ShownStep] = []
    before = command.issued_at
    for step in command.steps.all():
        took = _("after %(duration)s") % {"duration": _wait(step.received_at, before)} if steps else ""
        steps.append(
            ShownStep(
                word=state_word(step.state),
                at=step.received_at,
                took=took,
                note=step.note,
                is_applied=step.is_applied,
                figures=figures_of(step.result),
                output=step.output,
            )
        )
        before = step.received_at
    return steps


def _wait(end: datetime, begin: datetime) -> str:
    seconds = max((end - begin).total_seconds(), 0.0)
    return precise_words(round(seconds, 1)) if _TENTH_S <= seconds < _TENTHS_BELOW_S else precise_words(seconds)
