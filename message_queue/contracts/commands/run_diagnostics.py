"""`run_diagnostics`: the station checks itself and sends a report."""

from message_queue.contracts.commands.base import CommandContract

COMMAND = CommandContract(
    name="run_diagnostics",
    label="Run diagnostics",
    explanation="The station checks disk, memory, clock, radios and its connection, and sends a short report.",
    default_expiry=86_400,
)
