"""`reboot`: the station restarts."""

from message_queue.contracts.commands.base import CommandContract

COMMAND = CommandContract(
    name="reboot",
    label="Reboot station",
    explanation="It stops recording, reboots, and reports back after about two minutes.",
    default_expiry=3_600,
    danger="The station records nothing while it reboots. If it does not come back, somebody has to travel there.",
)
