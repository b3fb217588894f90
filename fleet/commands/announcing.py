"""Events about command states for programs that listen on `fleet.events`: `command_queued` … `command_succeeded`."""

from collections.abc import Sequence

from fleet.commands.models import Command, CommandStep
from fleet.core import clock
from fleet.core.outbox import Announcement, events_announce
from message_queue.events.kinds import CommandEvent


def steps_announce(*, steps: Sequence[CommandStep]) -> None:
    """Announce the steps that changed a command's state, in the transaction of the change."""
    told = [step for step in steps if step.is_applied]
    if not told:
        return
    columns = ("pk", "name", "station__serial", "station__organization__slug")
    commands = Command.objects.filter(pk__in={step.command_id for step in told}).values_list(*columns)
    known = {row[0]: row[1:] for row in commands}
    moment = clock.now()
    events_announce(
        [
            Announcement(
                organization=known[step.command_id][2],
                event=CommandEvent(
                    event=f"command_{step.state}",
                    station=known[step.command_id][1],
                    at=moment,
                    command=str(step.command_id),
                    name=known[step.command_id][0],
                    state=str(step.state),
                    note=step.note,
                ),
            )
            for step in told
            if step.command_id in known
        ]
    )
